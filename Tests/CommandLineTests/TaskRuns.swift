import JSON
import Testing

/// Each task is trained, learned from a teacher in one step and in two, evaluated and predicted with, to the same bytes
/// on any ranks.
@Suite struct TaskRuns {
  /// A task on rows of `TinyWorkspace`.
  struct Case: Sendable, CustomTestStringConvertible {
    let task: String
    /// Of a data source, besides the file.
    let columns: String
    /// A row's label as JSON.
    let label: @Sendable (_ text: String, _ label: Int) -> String
    let logitAdaptor: String
    let problem: String
    let monitor: String
    /// What `predict` writes in JSON lines, before the hash.
    let fields: [String]
    let csvHeader: String
    /// What a report of a run with a teacher has.
    let reported: [String]

    var testDescription: String { problem }
  }

  static let cases = [
    Case(
      task: "{kind: regression}", columns: "labelColumn: score",
      label: { text, label in #""score": \#(Double(label) - 0.25 * Double(text.utf8.count % 4))"# },
      logitAdaptor: "{LogitMSE: {temperature: 2}}", problem: "regression", monitor: "val_spearman",
      fields: ["score", "logits"], csvHeader: "score,logit_score",
      reported: ["<figcaption>Predictions</figcaption>", "teacher</li>", "student</li>", ">prediction<"]),
    Case(
      task: "{kind: regression, labels: [valence, length]}", columns: "labelColumn: both",
      label: { text, label in #""both": [\#(label), \#(Double(text.utf8.count) / 50)]"# },
      logitAdaptor: "LogitMSE", problem: "regression", monitor: "val_mae", fields: ["scores", "logits"],
      csvHeader: "score_valence,score_length,logit_valence,logit_length",
      reported: ["Predictions: valence", "Predictions: length", "Each output", "<td>valence</td>"]),
    Case(
      task: "{kind: multilabel, labels: [low, high, long], positiveWeights: [2, 1, 1.5], threshold: 0.4}",
      columns: "labelColumn: labels",
      label: { text, label in
        let names = (label == 0 ? [#""low""#] : label == 2 ? ["1"] : []) + (text.utf8.count > 20 ? [#""long""#] : [])
        return #""labels": [\#(names.joined(separator: ", "))]"#
      },
      logitAdaptor: "{LogitCE: {temperature: 2}}", problem: "multi_label_classification",
      monitor: "val_mean_average_precision", fields: ["labels", "logits", "probabilities"],
      csvHeader: "labels,probability_low,probability_high,probability_long,logit_low,logit_high,logit_long",
      reported: ["Precision and recall: low", "Precision and recall: long", "Each label", "teacher&#39;s F1"]),
    Case(
      task: "{kind: tokens, labels: [O, B-X, I-X]}", columns: "labelColumn: tags",
      label: { text, _ in
        let words = text.split(separator: " ")
        let tags = words.indices.map { index in
          words[index].utf8.count < 5 ? "O" : index > 0 && words[index - 1].utf8.count >= 5 ? "I-X" : "B-X"
        }
        return #""words": \#(list(words)), "tags": \#(list(tags))"#
      },
      logitAdaptor: "{LogitCE: {temperature: 2}}", problem: "ForTokenClassification", monitor: "val_f1",
      fields: ["words", "tags", "entities"], csvHeader: "words,tags,entities",
      reported: ["Each entity", "<td>X</td>", "teacher&#39;s F1"]),
    Case(
      task: "{kind: classification, labels: [low, middle, high], classWeights: balanced, labelSmoothing: 0.1}",
      columns: "labelColumn: label", label: { _, label in #""label": \#(label)"# },
      logitAdaptor: "{LogitCE: {temperature: 2}}", problem: "single_label_classification", monitor: "val_auroc",
      fields: ["label", "logits", "probabilities"],
      csvHeader: "label,probability_low,probability_middle,probability_high,logit_low,logit_middle,logit_high",
      reported: ["What the student predicts", "Each class"]),
  ]

  private static func list(_ words: [some StringProtocol]) -> String {
    "[" + words.map { "\"\($0)\"" }.joined(separator: ", ") + "]"
  }

  private static func workspace(_ item: Case) throws -> TinyWorkspace {
    let workspace = try TinyWorkspace()
    for (name, rows, seed) in [("train", 103, 1), ("val", 37, 2)] {
      let rows = TinyWorkspace.sentences(rows, seed: UInt64(seed))
      try workspace.write(
        rows.map { #"{"text": "\#($0.text)", \#(item.label($0.text, $0.label))}"# + "\n" }.joined(),
        to: "\(name).jsonl")
    }
    return workspace
  }

  private static func settings(_ item: Case) -> [String] {
    [
      "task=\(item.task)", "data.train={jsonl: train.jsonl, \(item.columns)}",
      "data.validation={jsonl: val.jsonl, \(item.columns)}",
      "training={batchSize: 10, maxSteps: 6, learningRate: 5.0e-3, microBatches: 3}",
    ]
  }

  @Test("trained, distilled, evaluated and predicted with", arguments: cases)
  func wholeWay(item: Case) throws {
    let workspace = try Self.workspace(item)
    let settings = Self.settings(item)
    let first = try workspace.train(
      .finetune,
      set: settings + [
        "run.directory=first", "student.head=new", "stages.finetune.checkpoint={monitor: \(item.monitor)}",
      ])
    #expect(workspace.text("first/best/config.json").contains(item.problem))
    let validation = try #require(first.events("validation").last)

    // What the log says of the best checkpoint is what `evaluate` finds.
    let label = String(item.columns.dropFirst("labelColumn: ".count))
    let evaluated = try workspace.output(
      ["evaluate", "--model", "first/last", "--data", "val.jsonl", "--label", label, "--max-length", "16", "--json"]
        + (item.task.contains("threshold") ? ["--threshold", "0.4"] : []))
    let result = try JSON.parse(Array(evaluated.utf8))
    let monitored = String(item.monitor.dropFirst(4))
    #expect(result[monitored]?.double == validation[item.monitor]?.double, "\(evaluated)")
    // A model does not know what weights it was trained with.
    let isWeighted = item.task.contains("Weights")
    #expect(isWeighted || result["loss"]?.double == validation["val_loss"]?.double)
    let constant = try workspace.train(
      .finetune,
      set: settings + ["run.directory=constant", "student.head=new", "stages.finetune.labelWeight={from: 1, to: 1}"])
    #expect(constant.weightBytes("last") == first.weightBytes("last"), "a schedule that stays as it is")

    // Mixed and in two steps, on one to four ranks.
    let distil =
      settings + [
        "teacher.model=first/best", "student={fromTeacher: {layers: [2, 4]}, dropout: {classifier: 0.1}}",
      ]
    let runs = try (1...4).map { ranks in
      try workspace.train(
        .mixStep,
        set: distil + ["run.directory=ranks-\(ranks)", "stages.mix.adaptors=[HidnTinyBERT, \(item.logitAdaptor)]"]
          + TokenCacheRuns.setting(ranks: ranks),
        ranks: ranks)
    }
    for run in runs.dropFirst() {
      #expect(run.weightBytes("last") == runs[0].weightBytes("last"), "\(run.directory)")
      #expect(run.comparableEvents == runs[0].comparableEvents, "\(run.directory)")
    }
    _ = try workspace.train(
      .twoStep, set: distil + ["run.directory=two", "stages.prediction.adaptors=[\(item.logitAdaptor)]"])

    let report = try workspace.run(["report", "two"])
    #expect(report.status == 0, "\(report)")
    let page = workspace.text("two/report.html")
    for part in item.reported { #expect(page.contains(part), "\(item.problem): \(part)") }
    #expect(workspace.text("two/best/README.md").contains("pipeline_tag: "))
    if item.problem == "ForTokenClassification" { return try predictsTags(workspace) }

    // What is predicted serves as a teacher in place of the model.
    for name in ["train", "val"] {
      _ = try workspace.output(
        ["predict", "--model", "first/best", "--input", "\(name).jsonl", "--output", "\(name)-said.jsonl"])
    }
    let line = try JSON.parse(Array(workspace.text("val-said.jsonl").split(separator: "\n")[0].utf8))
    #expect(line.object?.map(\.0) == item.fields + ["hash"])
    _ = try workspace.train(
      .mixStep,
      set: settings + [
        "run.directory=said", "teacher={predictions: [train-said.jsonl, val-said.jsonl]}",
        "student={model: first/best}", "stages.mix.adaptors=[\(item.logitAdaptor)]",
      ])
    let table = try workspace.output(["predict", "--model", "said/best", "--input", "val.jsonl", "--output", "-"])
    #expect(table.split(separator: "\n").count == 37)
    _ = try workspace.output(["predict", "--model", "said/best", "--input", "val.jsonl", "--output", "said.csv"])
    #expect(workspace.text("said.csv").hasPrefix(item.csvHeader + "\n"))
  }

  /// Rows of words, lines of text, and columns of CoNLL.
  private func predictsTags(_ workspace: TinyWorkspace) throws {
    let rows = try jsonLines(try workspace.output(["predict", "--model", "first/best", "--input", "val.jsonl"]))
    #expect(rows.count == 37 && rows.allSatisfy { $0["words"]?.array?.count == $0["tags"]?.array?.count })
    try workspace.write("good  film é good\n", to: "line.txt")
    let line = try jsonLines(try workspace.output(["predict", "--model", "first/best", "--input", "line.txt"]))[0]
    #expect(line["words"] == ["good", "film", "é", "good"] && line["tags"]?.array?.count == 4)
    for entity in line["entities"]?.array ?? [] {
      let (start, end) = (try #require(entity["start"]?.int), try #require(entity["end"]?.int))
      let characters = Array("good  film é good".unicodeScalars)[start..<end]
      let words = String(String.UnicodeScalarView(characters)).split(separator: " ").joined(separator: " ")
      #expect(words == entity["text"]?.string)
    }
    try workspace.write("-DOCSTART- O\n\ngood O\nfilm B-X\n\t\n\ngood\tI-X\n", to: "rows.conll")
    let evaluated = try workspace.output(["evaluate", "--model", "first/best", "--data", "rows.conll", "--json"])
    #expect(try JSON.parse(Array(evaluated.utf8))["rows"] == 2)
  }

  // MARK: What is refused

  struct Mistake: Sendable, CustomTestStringConvertible {
    let name: String
    var item = cases[0]
    var set: [String] = []
    /// Replaces the first row's label.
    var label: String?
    let message: String

    var testDescription: String { name }
  }

  static let mistakes = [
    Mistake(
      name: "a score that is no number", label: #""score": "high""#,
      message: #"train.jsonl:1: score: expected a finite number, found "high"; give the row a score, or leave it out"#),
    Mistake(
      name: "NaN", label: #""score": "nan""#, message: #"train.jsonl:1: score: expected a finite number, found "nan""#),
    Mistake(
      name: "too few numbers", item: cases[1], label: #""both": [1]"#,
      message: "train.jsonl:1: both: expected 2 finite numbers, one for each of valence, length, found a list of 1"),
    Mistake(
      name: "a label outside the set", item: cases[2], label: #""labels": ["low", "wide"]"#,
      message: #"train.jsonl:1: labels: expected 0…2 or one of low, high, long, found "wide""#),
    Mistake(
      name: "too few weights", item: cases[2], set: ["task.positiveWeights=[1, 2]"],
      message: "task.positiveWeights: expected 3 numbers, one for each label, found 2"),
    Mistake(
      name: "too few class weights", item: cases[4], set: ["task.classWeights=[1, 2]"],
      message: "task.classWeights: expected 3 numbers, one for each label, found 2"),
    Mistake(
      name: "class weights in words", item: cases[4], set: ["task.classWeights=even"],
      message: #"task.classWeights: expected balanced, or a list of numbers, found "even""#),
    Mistake(
      name: "smoothing of tags", item: cases[3], set: ["task.labelSmoothing=0.1"],
      message: "task.labelSmoothing: does not go with kind: tokens"),
    Mistake(
      name: "a class without rows to balance", item: cases[4], set: ["task.labels=[low, middle, high, none]"],
      message: "task.classWeights: balanced: expected rows of every class in train.jsonl, found none of none; "),
    Mistake(
      name: "fewer tags than words", item: cases[3], label: #""words": ["good", "film"], "tags": ["O"]"#,
      message: "train.jsonl:1: tags: expected 2 tags, one for each word, found 1"),
    Mistake(
      name: "an unknown tag", item: cases[3], label: #""words": ["good", "film"], "tags": ["O", "B-Y"]"#,
      message: #"train.jsonl:1: tags: expected 0…2 or one of O, B-X, I-X, found "B-Y""#),
    Mistake(
      name: "a sequence head for tokens", item: cases[3], set: ["student={model: classifier/best}"],
      message: #"architectures: expected "BertForTokenClassification", found "BertForSequenceClassification""#),
    Mistake(
      name: "predictions of tokens", item: cases[3], set: ["teacher={predictions: [x.jsonl]}"],
      message: "teacher.predictions: files of predictions have none for each token; give teacher.model"),
    Mistake(
      name: "weights for a regression", set: ["task.positiveWeights=[1]"],
      message: "task.positiveWeights: does not go with kind: regression"),
    Mistake(
      name: "a softmax of scores", set: ["stages.finetune.adaptors=[LogitCE]", "teacher.model=first/best"],
      message: "LogitCE compares probabilities of one class for each text, and the task is regression; use LogitMSE"),
    Mistake(
      name: "a teacher of another task",
      set: ["stages.finetune.adaptors=[LogitMSE]", "task.labels=[a, b, c]", "teacher.model=classifier/best"],
      message: #"classifier/best: problem_type: expected "regression", found "single_label_classification""#),
  ]

  @Test("bad input is named", arguments: mistakes)
  func refuses(mistake: Mistake) throws {
    let workspace = try Self.workspace(mistake.item)
    if mistake.set.contains("teacher.model=first/best") {
      _ = try workspace.train(
        .finetune, set: Self.settings(mistake.item) + ["run.directory=first", "student.head=new"])
    }
    if mistake.set.contains(where: { $0.contains("classifier/best") }) {
      _ = try workspace.train(.finetune, set: ["run.directory=classifier", "training={maxSteps: 1}"])
    }
    if let label = mistake.label {
      let rows = workspace.text("train.jsonl").split(separator: "\n")
      try workspace.write(
        ([#"{"text": "good", \#(label)}"#] + rows.dropFirst().map(String.init)).joined(separator: "\n") + "\n",
        to: "train.jsonl")
    }
    let result = try workspace.attempt(
      .finetune,
      set: Self.settings(mistake.item) + mistake.set
        + (mistake.set.contains { $0.hasPrefix("student=") } ? [] : ["student.head=new"]))
    #expect(result.status == 1 && result.errors.contains(mistake.message), "\(result)")
  }
}
