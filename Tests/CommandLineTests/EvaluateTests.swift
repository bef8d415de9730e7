import Checkpoints
import JSON
import Testing

@Suite("evaluate")
struct EvaluateTests {
  private let workspace: TinyWorkspace
  private let names = ["negative", "neutral", "positive"]

  init() throws { workspace = try TinyWorkspace(trainRows: 1, validationRows: 40) }

  private func evaluate(_ model: String, _ arguments: [String]) throws -> JSON {
    try JSON.parse(
      Array(try workspace.output(["evaluate", "--model", model, "--json", "--threads", "1"] + arguments).utf8))
  }

  private func loss(_ json: JSON) throws -> Double { try #require(json["loss"]?.double) }

  @Test("a model whose classes stand in another order scores the same by name")
  func matchesClassesByName() throws {
    try workspace.makeModel("permuted", from: "student")
    try workspace.permuteClasses(of: "permuted", as: [2, 0, 1], names: ["Negative", "NEUTRAL", "positive"])
    let labels = workspace.text("val_labels.txt").split(separator: "\n").map { names[Int($0) ?? 0] }
    let texts = workspace.text("val_text.txt").split(separator: "\n", omittingEmptySubsequences: false)
    try workspace.write("text,label\n" + zip(texts, labels).map { "\($0),\($1)\n" }.joined(), to: "named.csv")
    try workspace.write("0\tnegative\n1\tneutral\n2\tpositive\n", to: "mapping.txt")
    for data in [
      ["--data", "named.csv"], ["--data", ".", "--format", "tweeteval/sentiment"],
      ["--data", "val_text.txt", "val_labels.txt"],
    ] {
      let (own, other) = (try evaluate("student", data), try evaluate("permuted", data))
      #expect(abs(try loss(own) - loss(other)) < 1e-6, "\(data)")
      #expect(own["accuracy"] == other["accuracy"])
    }
    try workspace.write("0\tpositive\n1\tneutral\n2\tnegative\n", to: "mapping.txt")
    let other = try evaluate("student", ["--data", ".", "--format", "tweeteval/sentiment"])
    #expect(abs(try loss(other) - loss(evaluate("student", ["--data", "named.csv"]))) > 1e-3)
    let told = try workspace.run(["evaluate", "--model", "student", "--data", "val_text.txt", "val_labels.txt"])
    #expect(
      told.errors.contains(#"mapping.txt: its classes ["positive", "neutral", "negative"] are taken by name for ["#),
      "\(told)")
  }

  @Test("data of other classes is refused")
  func refusesOtherClasses() throws {
    try workspace.write("Quality\t#1 String\t#2 String\n1\ta\tb\n", to: "dev.tsv")
    let run = try workspace.run(["evaluate", "--model", "student", "--data", ".", "--format", "glue/mrpc"])
    #expect(run.status == 1 && run.output.isEmpty)
    #expect(
      run.errors.contains(#"expected data of the classes ["negative", "neutral", "positive"], found glue/mrpc, whose"#),
      "\(run)")
  }

  @Test("the second text of a pair is found by its name, and counts")
  func readsPairs() throws {
    let texts = workspace.text("val_text.txt").split(separator: "\n").prefix(20).map(String.init)
    let rows = texts.indices.map { row -> JSON in
      ["text": .string(texts[row]), "text_pair": .string(texts[texts.count - 1 - row]), "label": .integer(row % 3)]
    }
    try workspace.write(rows.map { $0.text() + "\n" }.joined(), to: "pairs.jsonl")
    let found = try evaluate("student", ["--data", "pairs.jsonl"])
    #expect(try loss(found) == loss(evaluate("student", ["--data", "pairs.jsonl", "--text-pair", "text_pair"])))
    try workspace.write(
      rows.map { $0.text().replacing("text_pair", with: "other") + "\n" }.joined(), to: "single.jsonl")
    #expect(abs(try loss(found) - loss(evaluate("student", ["--data", "single.jsonl"]))) > 1e-6)
  }

  @Test("columns by number need a word on the first line, and then none is lost")
  func losesNoFirstRow() throws {
    try workspace.write("good\t2\nbad\t0\nbut\t1\n", to: "rows.tsv")
    let columns = ["--data", "rows.tsv", "--text", "0", "--label", "1"]
    let silent = try workspace.run(["evaluate", "--model", "student"] + columns)
    #expect(silent.status == 64 && silent.errors.contains("(--no-header) or names the columns (--header)"), "\(silent)")
    #expect(try evaluate("student", columns + ["--no-header"])["rows"] == 3)
    #expect(try evaluate("student", columns + ["--header"])["rows"] == 2)
  }

  @Test("rows of a pipe are rows of a file", arguments: ["-", "/dev/stdin"])
  func readsPipes(name: String) throws {
    try workspace.write("text,label\ngood,2\nbad,0\n", to: "rows.csv")
    let run = try workspace.run(
      ["evaluate", "--model", "student", "--json", "--data", name, "--format", "csv"],
      input: Array(workspace.text("rows.csv").utf8))
    #expect(run.status == 0, "\(run)")
    #expect(
      try JSON.parse(Array(run.output.utf8))["loss"] == (try evaluate("student", ["--data", "rows.csv"]))["loss"])
  }

  @Test("a table without a row for an id is told before anything is read from it")
  func checksEveryTable() throws {
    try workspace.makeModel("one", from: "student")
    try workspace.oneSegment("one")
    try workspace.write(#"{"text": "good", "text_pair": "bad", "label": 2}"# + "\n", to: "pairs.jsonl")
    let message = "the data has segment 1, but the model's type_vocab_size is 1, which allows 0 to 0"
    for command in [
      ["evaluate", "--data", "pairs.jsonl"], ["predict", "--input", "pairs.jsonl"],
      ["features", "--input", "pairs.jsonl", "--output", "f.safetensors"],
    ] {
      let run = try workspace.run(command + ["--model", "one"])
      #expect(run.status == 1 && run.errors.contains("Error: one: \(message)"), "\(run)")
    }
    let data = "data={train: {jsonl: pairs.jsonl}, maxLength: 16}"
    for set in [
      ["student.model=one"],
      ["student.model=student", "teacher.model=one", "stages=[{name: one, adaptors: [AttnMiniLM]}]"],
    ] {
      let run = try workspace.attempt(.finetune, set: set + [data])
      #expect(run.status == 1 && run.errors.contains(message), "\(run)")
      try workspace.write(Configuration.finetune.yaml, to: "c.yaml")
      let validated = try workspace.run(
        ["validate", "--config", "c.yaml"] + (set + [data]).flatMap { ["--set", $0] })
      #expect(validated.status == 1 && validated.errors.contains(message), "\(validated)")
    }
    // Segments that a template gives to a single text.
    try workspace.makeModel("template", from: "student")
    try workspace.writeTokenizerJSON(to: "template")
    let (old, new) = (
      #""BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]"#,
      #"""
      "TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":2}},{"Sequence":{"id":"A","type_id":0}}],
      "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
      "special_tokens":{"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]}}
      """#
    )
    try workspace.replace(old, by: new, in: "template/tokenizer.json")
    let run = try workspace.run(["predict", "--model", "template", "--input", "val_text.txt"])
    #expect(
      run.status == 1 && run.errors.contains("the data has segment 2, but the model's type_vocab_size is 2"), "\(run)")
  }
}
