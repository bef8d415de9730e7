import Checkpoints
import JSON
import Testing

@Suite("features")
struct FeaturesTests {
  private let workspace: TinyWorkspace

  init() throws {
    workspace = try TinyWorkspace(trainRows: 1, validationRows: 1)
    // 5, 2 and 4 tokens.
    try workspace.write("good and warm\n\ncold bad\n", to: "texts.txt")
  }

  private func features(_ model: String, _ options: [String] = []) throws -> SafetensorsFile {
    _ = try workspace.output(
      ["features", "--model", model, "--input", "texts.txt", "--output", "f.safetensors"] + options)
    return try SafetensorsFile("\(workspace.path)/f.safetensors")
  }

  @Test("every tap of every text is there, in its shape", arguments: [1, 2])
  func writesEveryTap(threads: Int) throws {
    let file = try features("student", ["--threads", "\(threads)"])
    var expected: [String: [Int]] = [:]
    for (row, length) in [5, 2, 4].enumerated() {
      for layer in 0...2 { expected["\(row).hidden.\(layer)"] = [length, 18] }
      for layer in 1...2 {
        expected["\(row).attention.\(layer)"] = [3, length, length]
        for projection in ["queries", "keys", "values"] {
          expected["\(row).\(projection).\(layer)"] = [3, length, 6]
        }
      }
      expected["\(row).pooled"] = [18]
      expected["\(row).logits"] = [3]
    }
    #expect(Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.shape) }) == expected)
  }

  @Test("rows of attention are probabilities, and logits are those predicted")
  func isConsistent() throws {
    let file = try features("student")
    let predictions = try jsonLines(
      try workspace.output(["predict", "--model", "student", "--input", "texts.txt"]))
    for (row, length) in [5, 2, 4].enumerated() {
      for layer in 1...2 {
        let values = try file.floats(try #require(file["\(row).attention.\(layer)"]))
        for start in stride(from: 0, to: values.count, by: length) {
          #expect(abs(values[start..<start + length].reduce(0, +) - 1) < 1e-5)
        }
      }
      let logits = try file.floats(try #require(file["\(row).logits"]))
      for (found, expected) in zip(logits, try #require(predictions[row]["logits"]).numbers) {
        #expect(abs(Double(found) - expected) < 1e-5)
      }
    }
  }

  @Test("texts are truncated as asked")
  func truncates() throws {
    #expect(try features("student", ["--max-length", "3"])["0.hidden.0"]?.shape == [3, 18])
  }

  @Test("a model without a head has no logits, which is said")
  func leavesOutLogits() throws {
    try workspace.makeHeadlessModel("headless")
    let run = try workspace.run([
      "features", "--model", "headless", "--input", "texts.txt", "--output", "f.safetensors",
    ])
    #expect(run.status == 0)
    #expect(run.errors.contains("headless: has no classification head"), "\(run)")
    let file = try SafetensorsFile("\(workspace.path)/f.safetensors")
    #expect(file.tensors.count == 3 * 11)
    #expect(file["0.logits"] == nil)
  }

  @Test("two ranks write the same file as one")
  func doesNotDependOnRanks() throws {
    _ = try features("student")
    let expected = bytes(of: "\(workspace.path)/f.safetensors")
    let run = try workspace.runOnRanks(
      2, ["features", "--model", "student", "--input", "texts.txt", "--output", "f2.safetensors"])
    #expect(run.status == 0, "\(run)")
    #expect(bytes(of: "\(workspace.path)/f2.safetensors") == expected)
  }

  @Test(
    "what cannot be read or written is an error",
    arguments: [
      (["--model", "none", "--input", "texts.txt", "--output", "f"], "none: does not exist"),
      (["--model", "student", "--input", "none.txt", "--output", "f"], "none.txt: cannot be opened"),
      (["--model", "student", "--input", "texts.txt", "--output", "student"], "student: expected a file to write"),
      (["--model", "student", "--input", "texts.txt", "--output", "/dev/null"], "/dev/null: expected a regular file"),
    ])
  func reports(arguments: [String], message: String) throws {
    let run = try workspace.run(["features"] + arguments)
    #expect(run.status == 1)
    #expect(run.errors.hasPrefix("Error: \(message)"), "\(run)")
  }
}
