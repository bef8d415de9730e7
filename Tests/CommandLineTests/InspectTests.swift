import Checkpoints
import JSON
import Testing

@Suite("inspect")
struct InspectTests {
  private let workspace: TinyWorkspace

  init() throws { workspace = try TinyWorkspace(trainRows: 1, validationRows: 1) }

  private func json(_ path: String) throws -> JSON {
    try #require(try jsonLines(try workspace.output(["inspect", path, "--json"])).first)
  }

  @Test("a model's configuration, tensors and totals are listed")
  func listsModels() throws {
    let file = try SafetensorsFile("\(workspace.path)/student/model.safetensors")
    let found = try json("student")
    #expect(found["configuration"]?["num_hidden_layers"] == 2)
    #expect(found["tokenizer_files"]?.strings == ["tokenizer_config.json", "vocab.txt"])
    #expect(found["tensors"]?.array?.count == file.tensors.count)
    let word = found["tensors"]?.array?.first { $0["name"] == "bert.embeddings.word_embeddings.weight" }
    #expect(
      word == ["name": "bert.embeddings.word_embeddings.weight", "dtype": "F32", "shape": [31, 18], "bytes": 2232])
    let parameters = file.tensors.reduce(0) { $0 + $1.count }
    #expect(
      found["totals"]
        == [
          "tensors": .integer(file.tensors.count), "parameters": .integer(parameters),
          "bytes": .integer(4 * parameters),
        ])
  }

  @Test("a tensor file is listed alone, and a run by its best model")
  func listsFilesAndRuns() throws {
    let file = try json("student/model.safetensors")
    let model = try json("student")
    #expect(file["configuration"] == .null)
    #expect(file["tensors"] == model["tensors"])
    try workspace.makeModel("run/best", from: "student")
    let run = try json("run")
    #expect(run["path"] == "run/best")
    #expect(run["tensors"] == model["tensors"])
  }

  @Test("the table names each tensor with its type, shape and bytes")
  func printsATable() throws {
    let lines = try workspace.output(["inspect", "student"]).split(separator: "\n")
    let word = try #require(lines.first { $0.contains("embeddings.word_embeddings") })
    #expect(word.split(separator: " ").map(String.init).suffix(5) == ["F32", "31", "×", "18", "2,232"])
    #expect(lines.contains { $0.contains("hidden_act") && $0.contains("\"gelu\"") })
  }

  @Test(
    "what is no model is an error",
    arguments: [
      ("none", "none: does not exist here as a directory, and the cache /nonexistent has no such model"),
      ("train_text.txt", "train_text.txt: "),
      (".", ".: expected config.json in this directory"),
    ])
  func reports(path: String, message: String) throws {
    let run = try workspace.run(["inspect", path])
    #expect(run.status == 1)
    #expect(run.errors.hasPrefix("Error: \(message)"), "\(run)")
  }
}
