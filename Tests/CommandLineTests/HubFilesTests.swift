import Checkpoints
import JSON
import Testing

@Suite("models and data as they are published")
struct HubFilesTests {
  private let workspace: TinyWorkspace

  init() throws {
    workspace = try TinyWorkspace(trainRows: 30, validationRows: 12)
    let tests = BinaryUnderTest.fixtures + "/../CheckpointsTests"
    for (name, folder, files) in [
      ("reference", "Fixtures/classifier", ["model.safetensors"]),
      ("zip", "PyTorchFixtures/model-zip", ["pytorch_model.bin"]),
      ("legacy", "PyTorchFixtures/model-legacy", ["pytorch_model.bin"]),
      (
        "sharded", "PyTorchFixtures/model-sharded",
        [
          "pytorch_model.bin.index.json", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin",
        ]
      ),
    ] {
      try createDirectories("\(workspace.path)/\(name)")
      for file in ["config.json"] + files {
        try workspace.write(try #require(bytes(of: "\(tests)/\(folder)/\(file)")), to: "\(name)/\(file)")
      }
      try workspace.write(TinyWorkspace.vocabulary.prefix(24).map { $0 + "\n" }.joined(), to: "\(name)/vocab.txt")
    }
  }

  @Test("a model in PyTorch's files answers as it does in safetensors", arguments: ["zip", "legacy", "sharded"])
  func readsPyTorch(model: String) throws {
    func both(_ arguments: [String], writing suffix: String? = nil) throws -> (expected: [UInt8], found: [UInt8]) {
      let outputs = try ["reference", model].map { name in
        let output = try workspace.output(arguments.map { $0.replacing("MODEL", with: name) })
        return suffix.map { bytes(of: "\(workspace.path)/\(name)\($0)") ?? [] } ?? Array(output.utf8)
      }
      return (outputs[0], outputs[1])
    }
    let predictions = try both(["predict", "--model", "MODEL", "--input", "val_text.txt"])
    #expect(predictions.expected == predictions.found)
    let features = try both(
      ["features", "--model", "MODEL", "--input", "val_text.txt", "--output", "MODEL.safetensors"],
      writing: ".safetensors")
    #expect(features.expected == features.found && features.expected.count > 1_000)

    let inspections = try ["reference", model].map {
      try #require(try JSON.parse(workspace.output(["inspect", $0, "--json"]))["tensors"]?.array)
    }
    let names = inspections.map { tensors in
      tensors.compactMap { $0["name"]?.string }.filter { $0 != "bert.embeddings.position_ids" }.sorted()
    }
    #expect(names[0] == names[1])
  }

  @Test("a run learns from a teacher in PyTorch's files and keeps its features")
  func trainsWithPyTorch() throws {
    var predictions: [String] = []
    for teacher in ["reference", "zip"] {
      try workspace.write(
        """
        run: {directory: run-\(teacher), threads: 1}
        data: {format: tweeteval/sentiment, path: ., maxLength: 10}
        teacher: {model: \(teacher), cache: {path: cache}}
        student: {fromTeacher: {layers: [1]}}
        stages: [{name: distil, epochs: 1, adaptors: [{LogitMSE: {}}]}]
        """, to: "run.yaml")
      let run = try workspace.run(["--config", "run.yaml"])
      #expect(run.status == 0, "\(run)")
      predictions.append(
        try workspace.output(["predict", "--model", "run-\(teacher)/best", "--input", "val_text.txt"]))
    }
    #expect(predictions[0] == predictions[1])
    let folders = try JSON.parse(workspace.output(["cache", "ls", "cache", "--json"])).array
    #expect(folders?.count == 1, "the same weights, and so the same entries")
  }

  @Test("a dataset's directory and its name are enough to measure and to predict")
  func readsDatasetsByName() throws {
    let evaluate = ["evaluate", "--model", "reference", "--json", "--data"]
    func withoutTimes(_ arguments: [String]) throws -> [JSON?] {
      let result = try JSON.parse(workspace.output(arguments))
      return [result["rows"], result["loss"], result["confusion"]]
    }
    let expected = try withoutTimes(evaluate + ["val_text.txt", "val_labels.txt"])
    #expect(try withoutTimes(evaluate + [".", "--format", "tweeteval/sentiment"]) == expected)
    #expect(
      try workspace.output([
        "predict", "--model", "reference", "--input", ".", "--format", "tweeteval/sentiment", "--split", "validation",
      ]) == (try workspace.output(["predict", "--model", "reference", "--input", "val_text.txt"])))
    let unknown = try workspace.run(evaluate + [".", "--format", "tweeteval/sentiments"])
    #expect(unknown.status != 0 && unknown.errors.contains("tweeteval/sentiment"))
    let absent = try workspace.run(evaluate + [".", "--format", "glue/rte"])
    #expect(absent.errors.contains(".: expected dev.tsv of glue/rte here or in RTE/, found neither"))
  }

  @Test("compressed files are read like plain ones")
  func readsGzip() throws {
    try workspace.write("text,text_pair\ncalm and warm,it was good\ngrim,harsh\n", to: "pairs.csv")
    let expected = try workspace.output(["predict", "--model", "reference", "--input", "pairs.csv"])
    _ = try ProgramRun.of("/bin/gzip", ["pairs.csv", "val_text.txt", "val_labels.txt"], in: workspace.path)
    #expect(try workspace.output(["predict", "--model", "reference", "--input", "pairs.csv.gz"]) == expected)
    let measured = try workspace.output([
      "evaluate", "--model", "reference", "--data", ".", "--format", "tweeteval/sentiment", "--json",
    ])
    #expect(try JSON.parse(measured)["rows"]?.int == 12)
    try workspace.write(
      Array(try #require(bytes(of: "\(workspace.path)/pairs.csv.gz")).dropLast(5)), to: "pairs.csv.gz")
    let cut = try workspace.run(["predict", "--model", "reference", "--input", "pairs.csv.gz"])
    #expect(cut.status == 1 && cut.errors.contains("the compressed data ends too early"))
  }
}
