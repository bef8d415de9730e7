import Checkpoints
import Glibc
import JSON
import Testing

@Suite("predict")
struct PredictTests {
  private let workspace: TinyWorkspace
  private let texts = TinyWorkspace.sentences(25, seed: 5).map(\.text) + ["", "calm, \"dear\" warm!", "good"]

  init() throws {
    workspace = try TinyWorkspace(trainRows: 1, validationRows: 1)
    try workspace.write(texts.map { $0 + "\n" }.joined(), to: "texts.txt")
  }

  private func predict(_ input: String, _ options: [String] = []) throws -> String {
    try workspace.output(["predict", "--model", "student", "--input", input] + options)
  }

  @Test("rows are predicted in their order, each as it would be alone")
  func keepsTheOrder() throws {
    let lines = try predict("texts.txt").split(separator: "\n").map(String.init)
    #expect(lines.count == texts.count)
    #expect(Set(lines).count > texts.count / 2)
    for row in [0, 7, 25, 26, 27] {
      try workspace.write(texts[row] + "\n", to: "one.txt")
      #expect(try predict("one.txt") == lines[row] + "\n")
    }
  }

  @Test("the label is the largest logit's, and probabilities are the logits' softmax")
  func isConsistent() throws {
    for row in try jsonLines(try predict("texts.txt")) {
      #expect(row.object?.keys == ["label", "logits", "probabilities", "hash"])
      let logits = try #require(row["logits"]).numbers
      let exponentials = logits.map { exp($0) }
      let sum = exponentials.reduce(0, +)
      let largest = try #require(logits.indices.max { logits[$0] < logits[$1] })
      #expect(logits.count == 3)
      #expect(row["label"]?.string == ["negative", "neutral", "positive"][largest])
      for (found, expected) in zip(try #require(row["probabilities"]).numbers, exponentials) {
        #expect(abs(found - expected / sum) < 1e-6)
      }
    }
  }

  @Test("lines, CSV, TSV and JSON lines of the same texts give the same predictions")
  func readsEveryFormat() throws {
    func quoted(_ text: String) -> String {
      "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
    try workspace.write("id,text\n" + texts.map { "1,\(quoted($0))\n" }.joined(), to: "texts.csv")
    try workspace.write("sentence\tid\n" + texts.map { "\($0)\t1\n" }.joined(), to: "texts.tsv")
    try workspace.write(texts.map { "1\t\($0)\n" }.joined(), to: "numbered.tsv")
    try workspace.write(
      texts.map { (["label": "none", "text": .string($0)] as JSON).text() + "\n" }.joined(), to: "texts.jsonl")
    let expected = try predict("texts.txt")
    #expect(try predict("texts.csv") == expected)
    #expect(try predict("texts.tsv", ["--text", "sentence"]) == expected)
    #expect(try predict("numbered.tsv", ["--no-header", "--text", "1"]) == expected)
    #expect(try predict("texts.jsonl") == expected)
    try workspace.write(workspace.text("texts.csv"), to: "texts.txt")
    #expect(try predict("texts.txt", ["--format", "csv"]) == expected)
  }

  @Test("the second text of a pair is found by its name, and counts")
  func readsPairs() throws {
    let pairs = zip(texts, texts.reversed())
    try workspace.write("text\ttext_pair\n" + pairs.map { "\($0)\t\($1)\n" }.joined(), to: "pairs.tsv")
    try workspace.write("a\tb\n" + pairs.map { "\($0)\t\($1)\n" }.joined(), to: "named.tsv")
    try workspace.write(
      pairs.map { (["text": .string($0), "text_pair": .string($1)] as JSON).text() + "\n" }.joined(),
      to: "pairs.jsonl")
    let expected = try predict("pairs.jsonl")
    #expect(expected != (try predict("texts.txt")))
    #expect(try predict("pairs.tsv") == expected)
    #expect(try predict("named.tsv", ["--text", "a", "--text-pair", "b"]) == expected)
  }

  @Test("a table is written where the output is called one, with what is kept of the input")
  func writesTables() throws {
    try workspace.write("id,text\n7,\"good, \"\"dear\"\"\"\nx,bad\n", to: "in.csv")
    let json = try jsonLines(try predict("in.csv", ["--keep", "id,text"]))
    #expect(json.map { $0["id"]?.string } == ["7", "x"] && json[0]["text"] == #"good, "dear""#)
    #expect(json[0].object?.keys == ["id", "text", "label", "logits", "probabilities", "hash"])
    for (name, separator) in [("out.csv", ","), ("out.tsv", "\t")] {
      #expect(try predict("in.csv", ["--keep", "id", "--output", name]) == "")
      let rows = workspace.text(name).split(separator: "\n").map {
        $0.split(separator: Character(separator)).map(String.init)
      }
      let columns = ["probability", "logit"].flatMap { kind in
        ["negative", "neutral", "positive"].map { "\(kind)_\($0)" }
      }
      #expect(rows[0] == ["id", "label"] + columns)
      for (row, object) in zip(rows.dropFirst(), json) {
        let numbers = try (#require(object["probabilities"]).numbers + #require(object["logits"]).numbers)
        #expect(row[0] == object["id"]?.string && row[1] == object["label"]?.string)
        #expect(row.dropFirst(2).compactMap { Double($0) } == numbers)
      }
    }
    #expect(try predict("in.csv", ["--keep", "text", "--output", "out.csv"]) == "")
    #expect(workspace.text("out.csv").contains("\n\"good, \"\"dear\"\"\","))
    let run = try workspace.run(["predict", "--model", "student", "--input", "in.csv", "--keep", "none"])
    #expect(run.status == 1 && run.errors.contains(#"column "none": expected once in the header"#), "\(run)")
  }

  @Test("a pipe is read like a file, by the rank that has it", arguments: ["-", "/dev/stdin"])
  func readsPipes(name: String) throws {
    let expected = try predict("texts.txt")
    let input = Array(workspace.text("texts.txt").utf8)
    let run = try workspace.run(["predict", "--model", "student", "--input", name], input: input)
    #expect(run.status == 0 && run.output == expected, "\(run)")
    try workspace.write(input, to: "standard-input")
    let command = "mpirun --oversubscribe --bind-to none -np 2 \(BinaryUnderTest.path) predict --model student"
    let ranks = try ProgramRun.of(
      "/bin/sh", ["-c", "exec \(command) --threads 1 --input - --output ranks.jsonl < standard-input"],
      in: workspace.path,
      variables: TinyWorkspace.withoutLauncher([
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
      ]))
    #expect(ranks.status == 0 && workspace.text("ranks.jsonl") == expected, "\(ranks)")
  }

  @Test("an empty input gives an empty output", arguments: ["e.txt", "e.csv", "e.tsv", "e.jsonl"])
  func acceptsEmptyInput(name: String) throws {
    try workspace.write("", to: name)
    #expect(try predict(name, ["--output", "out.jsonl"]) == "")
    #expect(workspace.exists("out.jsonl"))
    #expect(workspace.text("out.jsonl") == "")
  }

  @Test("two ranks, or two threads, write the same bytes as one")
  func doesNotDependOnRanks() throws {
    let expected = try predict("texts.txt", ["--threads", "1"])
    #expect(try predict("texts.txt", ["--threads", "2"]) == expected)
    let run = try workspace.runOnRanks(
      2, ["predict", "--model", "student", "--input", "texts.txt", "--output", "out.jsonl", "--threads", "1"])
    #expect(run.status == 0, "\(run)")
    #expect(workspace.text("out.jsonl") == expected)
  }

  @Test("a failure leaves an earlier output as it was, and nothing beside it")
  func keepsTheOldOutput() throws {
    try createDirectories("\(workspace.path)/out")
    try workspace.write("old", to: "out/predictions.jsonl")
    try workspace.write(Array("good\n".utf8) + [0xFF], to: "bad.txt")
    let run = try workspace.run([
      "predict", "--model", "student", "--input", "bad.txt", "--output", "out/predictions.jsonl",
    ])
    #expect(run.status == 1)
    #expect(try workspace.contents(of: "out") == ["out/predictions.jsonl": Array("old".utf8)])
  }

  @Test("what cannot be written is an error", arguments: ["/dev/full", "nowhere/out.jsonl", "student"])
  func reportsOutput(path: String) throws {
    let run = try workspace.run(["predict", "--model", "student", "--input", "texts.txt", "--output", path])
    #expect(run.status == 1)
    #expect(run.errors.hasPrefix("Error: \(path): "), "\(run)")
  }

  @Test(
    "bad input is told with its place",
    arguments: [
      (["--model", "student", "--input", "none.txt"], 1, "none.txt: cannot be opened"),
      (["--model", "none", "--input", "texts.txt"], 1, "none: does not exist here as a directory, and the cache"),
      (["--model", "student", "--input", "student"], 1, "student: expected a regular file"),
      (["--model", "student", "--input", "bad.txt"], 1, "bad.txt:2: expected UTF-8"),
      (
        ["--model", "student", "--input", "half.jsonl"], 1, "half.jsonl:2: text_pair: expected a string, found nothing"
      ),
      (["--model", "student", "--input", "texts.json"], 1, "texts.json: expected .jsonl"),
      (["--model", "headless", "--input", "texts.txt"], 1, "headless: expected a model with a classification head"),
      (["--model", "student", "--input", "texts.txt", "--max-length", "17"], 1, "--max-length: expected at most 16"),
      (["--model", "student", "--input", "texts.txt", "--format", "xml"], 64, "'xml' is invalid"),
      (["--model", "student", "--input", "texts.txt", "--threads", "0"], 64, "--threads: expected 1 or more"),
    ] as [([String], Int32, String)])
  func reportsInput(arguments: [String], status: Int32, message: String) throws {
    try workspace.write(Array("good\nb".utf8) + [0xFF], to: "bad.txt")
    try workspace.write(#"{"text": "a", "text_pair": "b"}"# + "\n" + #"{"text": "a"}"#, to: "half.jsonl")
    try workspace.makeHeadlessModel("headless")
    let run = try workspace.run(["predict"] + arguments)
    #expect(run.status == status)
    #expect(run.output == "")
    #expect(run.errors.hasPrefix("Error: "))
    #expect(run.errors.contains(message), "\(run)")
  }

  @Test("on several ranks an error is told once")
  func reportsOnceOnRanks() throws {
    let run = try workspace.runOnRanks(2, ["predict", "--model", "none", "--input", "texts.txt"])
    #expect(run.status == 1)
    #expect(run.occurrences(of: "none: does not exist") == 1, "\(run)")
  }
}
