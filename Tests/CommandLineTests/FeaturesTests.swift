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
    // 11 tokens, and 25 + 4 + 16 places in a map.
    var expected = ["starts": [4], "attention_starts": [4], "pooled": [3, 18], "logits": [3, 3]]
    for layer in 0...2 { expected["hidden.\(layer)"] = [11, 18] }
    for layer in 1...2 {
      expected["attention.\(layer)"] = [3 * 45]
      for projection in ["queries", "keys", "values"] { expected["\(projection).\(layer)"] = [11, 3, 6] }
    }
    #expect(Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.shape) }) == expected)
    #expect(try integers(file, "starts") == [0, 5, 7, 11])
    #expect(try integers(file, "attention_starts") == [0, 75, 87, 135])
  }

  private func integers(_ file: SafetensorsFile, _ name: String) throws -> [Int64] {
    let bytes = try file.bytes(try #require(file[name]))
    return bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / 8).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self) }
    }
  }

  @Test("a text's features do not depend on those beside it")
  func rowsAreIndependent() throws {
    let all = try features("student")
    let hidden = try all.floats(try #require(all["hidden.2"]))
    let attention = try all.floats(try #require(all["attention.1"]))
    let logits = try all.floats(try #require(all["logits"]))
    try workspace.write("cold bad\n", to: "texts.txt")
    let alone = try features("student")
    #expect(try alone.floats(try #require(alone["hidden.2"])) == Array(hidden[(7 * 18)...]))
    #expect(try alone.floats(try #require(alone["attention.1"])) == Array(attention[87...]))
    #expect(try alone.floats(try #require(alone["logits"])) == Array(logits[6...]))
  }

  @Test("thousands of texts are no more tensors than one, and inspect reads them")
  func manyTexts() throws {
    try workspace.write(String(repeating: "good\n", count: 3000), to: "texts.txt")
    #expect(try features("student", ["--threads", "2"]).tensors.count == 15)
    let inspected = try workspace.output(["inspect", "f.safetensors"])
    #expect(inspected.contains("15 tensors") && inspected.contains("9000 × 18"), "\(inspected)")
  }

  @Test("they go through pipes as they go into a file, and no file is left behind")
  func pipes() throws {
    _ = try features("student")
    let run = try workspace.runInShell(
      "mkdir here; TMPDIR=here $0 features --model student --input - --output - < texts.txt | cat > piped && rmdir here",
      [])
    #expect(run.status == 0, "\(run)")
    #expect(bytes(of: "\(workspace.path)/piped") == bytes(of: "\(workspace.path)/f.safetensors"))
  }

  @Test("what is too much for one file goes to several, which together hold the same")
  func severalFiles() throws {
    let whole = try features("student")
    let run = try workspace.run([
      "features", "--model", "student", "--input", "texts.txt", "--output", "g.safetensors", "--rows-per-file", "2",
    ])
    #expect(run.status == 0 && run.errors.contains("written to 2 files, g-00001-of-00002.safetensors"), "\(run)")
    let parts = try ["g-00001-of-00002", "g-00002-of-00002"].map {
      try SafetensorsFile("\(workspace.path)/\($0).safetensors")
    }
    #expect(!workspace.exists("g.safetensors"))
    #expect(try parts.map { try integers($0, "first_row") } == [[0], [2]])
    #expect(try parts.map { try integers($0, "starts") } == [[0, 5, 7], [0, 4]])
    #expect(try parts.map { try integers($0, "attention_starts") } == [[0, 75, 87], [0, 48]])
    for tensor in whole.tensors where !tensor.name.hasSuffix("starts") {
      let joined = try parts.flatMap { try $0.floats(try #require($0[tensor.name])) }
      #expect(try joined == whole.floats(tensor), "\(tensor.name)")
    }
    let refused = try workspace.run([
      "features", "--model", "student", "--input", "texts.txt", "--output", "/dev/null", "--rows-per-file", "2",
    ])
    #expect(refused.status == 1 && refused.errors.contains("than the tensors of one file may have"), "\(refused)")
  }

  @Test("rows of attention are probabilities, and logits are those predicted")
  func isConsistent() throws {
    let file = try features("student")
    let predictions = try jsonLines(
      try workspace.output(["predict", "--model", "student", "--input", "texts.txt"]))
    let starts = [0, 75, 87]
    let logits = try file.floats(try #require(file["logits"]))
    for (row, length) in [5, 2, 4].enumerated() {
      for layer in 1...2 {
        let values = try file.floats(try #require(file["attention.\(layer)"]))[starts[row]...].prefix(
          3 * length * length)
        for start in stride(from: values.startIndex, to: values.endIndex, by: length) {
          #expect(abs(values[start..<start + length].reduce(0, +) - 1) < 1e-5)
        }
      }
      for (found, expected) in zip(logits[(3 * row)...], try #require(predictions[row]["logits"]).numbers) {
        #expect(abs(Double(found) - expected) < 1e-5)
      }
    }
  }

  @Test("texts are truncated as asked")
  func truncates() throws {
    #expect(try features("student", ["--max-length", "3"])["hidden.0"]?.shape == [8, 18])
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
    #expect(file.tensors.count == 13)
    #expect(file["logits"] == nil)
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
      (
        ["--model", "student", "--input", "texts.txt", "--output", "/dev/full"],
        "/dev/full: cannot be written: No space"
      ),
    ])
  func reports(arguments: [String], message: String) throws {
    let run = try workspace.run(["features"] + arguments)
    #expect(run.status == 1)
    #expect(run.errors.hasPrefix("Error: \(message)"), "\(run)")
  }
}
