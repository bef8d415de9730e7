import Checkpoints
import JSON
import Testing

/// Students of what a teacher said, in files, are the students of the teacher.
@Suite struct PredictedTeachers {
  private static let logits = [
    "stages.0.adaptors=[{LogitMSE: {on: logits, temperature: 1}}, LogitCE]", "training.microBatches=4",
    "data.unlabelled=[{text: texts.txt}]",
  ]

  /// A workspace with text without labels, and the teacher's predictions of all rows.
  private func workspace() throws -> TinyWorkspace {
    let workspace = try TinyWorkspace()
    let sentences = TinyWorkspace.sentences(41, seed: 3)
    try workspace.write(sentences.map { $0.text + "\n" }.joined(), to: "texts.txt")
    for name in ["train_text", "texts", "val_text"] {
      let run = try workspace.run([
        "predict", "--model", "teacher", "--input", "\(name).txt", "--output", "\(name).jsonl",
      ])
      try #require(run.status == 0, "\(run)")
    }
    return workspace
  }

  private func lines(_ name: String, in workspace: TinyWorkspace) -> [String] {
    workspace.text(name).split(separator: "\n").map(String.init)
  }

  @Test("by text in any order, and by place, a file is the live teacher to the last bit")
  func sameWeights() throws {
    let workspace = try workspace()
    let live = try workspace.train(.mixStep, set: Self.logits)
    let weights = try #require(live.weightBytes("last"))
    let all = ["train_text", "texts", "val_text"].flatMap { lines("\($0).jsonl", in: workspace) }
    try workspace.write(all.reversed().map { $0 + "\n" }.joined(), to: "reversed.jsonl")
    let withoutHash = all.map { $0.replacing(/,"hash":"[0-9a-f]{64}"/, with: "") }
    #expect(withoutHash[0].count == all[0].count - 74)
    try workspace.write(withoutHash.map { $0 + "\n" }.joined(), to: "placed.jsonl")
    let rows = try withoutHash.map { try #require(try JSON.parse(Array($0.utf8))["logits"]?.array) }
    let table = rows.map { $0.map { "\($0.text())" }.joined(separator: ",") + "\n" }.joined()
    try workspace.write("logit_0,logit_neutral,logit_2\n" + table, to: "placed.csv")
    for file in ["[train_text.jsonl, val_text.jsonl, texts.jsonl]", "reversed.jsonl", "placed.jsonl", "placed.csv"] {
      let run = try workspace.train(
        .mixStep, set: Self.logits + ["teacher.predictions=\(file)", "run.directory=predicted", "run.overwrite=true"])
      #expect(run.weightBytes("last") == weights, "\(file)")
      #expect(run.losses == live.losses)
    }
    let resumed = try workspace.attempt(
      .mixStep, set: Self.logits + ["teacher.predictions=train_text.jsonl", "run.directory=partly"])
    #expect(resumed.status != 0)
  }

  @Test("what does not cover the data, or is of other classes, is refused with counts and the first row")
  func refusals() throws {
    let workspace = try workspace()
    let all = ["train_text", "texts", "val_text"].flatMap { lines("\($0).jsonl", in: workspace) }
    func write(_ lines: some Sequence<String>, to name: String) throws {
      try workspace.write(lines.map { $0 + "\n" }.joined(), to: name)
    }
    try write(all.dropLast(30), to: "short.jsonl")
    try write(all.dropLast().map { $0.replacing(/,"hash":"[0-9a-f]{64}"/, with: "") }, to: "placed.jsonl")
    try write(all.map { $0.replacing("\"logits\":[", with: "\"logits\":[0.5,") }, to: "classes.jsonl")
    try write(all.map { _ in #"{"label": "neutral"}"# }, to: "labels.jsonl")
    for (file, messages) in [
      ("short.jsonl", ["expected a prediction for each of 181 rows, found none for", "of val_text.txt"]),
      (
        "placed.jsonl",
        ["expected 181 rows (103 of train_text.txt, then 41 of texts.txt, then 37 of val_text.txt)", "found 180"]
      ),
      ("classes.jsonl", ["classes.jsonl:1: logits: expected 3 numbers, one for each class of the student, found 4"]),
      ("labels.jsonl", ["LogitMSE compares logits, and the file has labels alone"]),
    ] {
      for command in [[], ["validate"]] as [[String]] {
        try workspace.write(Configuration.mixStep.yaml, to: "run.yaml")
        let run = try workspace.run(
          command + ["--config", "run.yaml"]
            + (Self.logits + ["teacher.predictions=\(file)"]).flatMap { ["--set", $0] })
        #expect(run.status != 0)
        for message in messages { #expect((run.errors + run.output).contains(message), "\(file): \(run)") }
      }
    }
    // Of a model whose classes stand in another order, which a table's columns name.
    try workspace.makeModel("other")
    try workspace.permuteClasses(of: "other", as: [2, 0, 1], names: ["negative", "neutral", "positive"])
    for name in ["train_text", "texts", "val_text"] {
      for kind in ["jsonl", "csv"] {
        _ = try workspace.output(
          ["predict", "--model", "other", "--input", "\(name).txt", "--output", "\(name)-other.\(kind)"])
      }
    }
    func other(_ kind: String) throws -> ProgramRun {
      let files = ["train_text", "texts", "val_text"].map { "\($0)-other.\(kind)" }.joined(separator: ", ")
      return try workspace.attempt(
        .mixStep, set: Self.logits + ["teacher.predictions=[\(files)]", "run.directory=\(kind)"])
    }
    let refused = try other("jsonl")
    #expect(refused.status == 1 && refused.errors.contains("has other classes, or in another order"), "\(refused)")
    #expect(try other("csv").status == 0)
    let live = try workspace.train(.mixStep, set: Self.logits + ["run.directory=live"])
    #expect(try RunRecord("csv", in: workspace).losses == live.losses)

    let labels = try workspace.attempt(
      .mixStep,
      set: Self.logits + ["teacher.predictions=labels.jsonl", "stages.0.adaptors=[{LogitCE: {temperature: 1}}]"])
    #expect(labels.status == 0, "\(labels)")
  }

  @Test("several teachers: twice the same is one, and a cache or a file of each changes nothing")
  func ensembles() throws {
    let workspace = try workspace()
    let live = try workspace.train(.mixStep, set: Self.logits)
    let twice = try workspace.train(
      .mixStep,
      set: Self.logits + [
        "teacher=null", "teachers=[{model: teacher, weight: 1}, {model: teacher, weight: 1}]", "run.directory=twice",
      ])
    #expect(twice.weightBytes("last") == live.weightBytes("last"))
    let two = "{model: teacher, weight: 3}, {model: student}"
    let cached =
      "{predictions: [train_text.jsonl, texts.jsonl, val_text.jsonl], model: teacher, weight: 3}, "
      + "{model: student, cache: {path: cache, precision: fp32}}"
    var runs: [RunRecord] = []
    for (name, teachers) in [("live", two), ("kept", cached)] {
      for average in ["logits", "probabilities"] {
        runs.append(
          try workspace.train(
            .mixStep,
            set: Self.logits + [
              "teacher=null", "teachers=[\(teachers)]", "average=\(average)", "run.directory=\(name)-\(average)",
            ]))
      }
    }
    #expect(runs[0].weightBytes("last") == runs[2].weightBytes("last"))
    #expect(runs[1].weightBytes("last") == runs[3].weightBytes("last"))
    #expect(runs[0].weightBytes("last") != runs[1].weightBytes("last"))
    #expect(runs[0].weightBytes("last") != live.weightBytes("last"))
  }
}
