import Checkpoints
import JSON
import Testing

/// Pairs of texts are scored and ranked, to the same bytes on any ranks, by models that sentence-transformers opens as
/// cross-encoders.
@Suite struct PairRuns {
  /// Queries with four texts each: those that fit have as label 1.
  private static func workspace() throws -> TinyWorkspace {
    let workspace = try TinyWorkspace()
    for (name, queries, seed) in [("train", 25, 1), ("val", 9, 2)] {
      let rows = TinyWorkspace.sentences(5 * queries, seed: UInt64(seed))
      let lines = (0..<queries).flatMap { query in
        (0..<4).map { place in
          let (own, other) = (rows[5 * query], rows[5 * query + 1 + place])
          return #"{"query": "\#(own.text)", "text": "\#(other.text)", "fits": \#(other.label == 2 ? 1 : 0), "#
            + #""id": "q\#(query / 2)"}"# + "\n"
        }
      }
      try workspace.write(lines.joined(), to: "\(name).jsonl")
    }
    return workspace
  }

  private static let columns = "textColumn: query, pairColumn: text, labelColumn: fits"
  private static let read = ["--text", "query", "--text-pair", "text"]

  private static func settings(_ task: String = "{kind: pairs}", _ more: String = "") -> [String] {
    [
      "task=\(task)", "data.train={jsonl: train.jsonl, \(columns)}",
      "data.validation={jsonl: val.jsonl, \(columns)\(more)}",
      "training={batchSize: 12, maxSteps: 6, learningRate: 5.0e-3, microBatches: 3}",
    ]
  }

  @Test("trained, distilled, evaluated and predicted with", arguments: ["bce", "mse"])
  func wholeWay(loss: String) throws {
    let workspace = try Self.workspace()
    let settings = Self.settings("{kind: pairs, loss: \(loss), cutoff: 3}", ", groupColumn: id")
    let first = try workspace.train(
      .finetune,
      set: settings + [
        "run.directory=first", "student.head=new", "stages.finetune.checkpoint={monitor: val_ndcg}",
      ])
    #expect(first.losses.count == 6)
    let saved = try JSON.parse(Array(workspace.text("first/best/config.json").utf8))
    let activation = saved["sentence_transformers"]?["activation_fn"]?.string
    #expect(activation?.hasSuffix(loss == "bce" ? ".Sigmoid" : ".Identity") == true)
    #expect(saved["id2label"]?.object?.count == 1 && saved["problem_type"] == nil)
    #expect(workspace.text("first/best/README.md").contains("CrossEncoder(DIRECTORY)"))

    // What the log says is what `evaluate` finds: the file says whether the score is a sigmoid.
    let validation = try #require(first.events("validation").last)
    let evaluated = try JSON.parse(
      Array(
        try workspace.output(
          ["evaluate", "--model", "first/last", "--data", "val.jsonl", "--label", "fits", "--group", "id"] + Self.read
            + ["--cutoff", "3", "--max-length", "16", "--json"]
        ).utf8))
    for key in ["loss", "mrr", "ndcg", "map", "pearson", "spearman", "accuracy"] {
      #expect(evaluated[key]?.double == validation["val_\(key)"]?.double, "\(key): \(evaluated.text())")
    }
    #expect(evaluated["groups"] == 5 && evaluated["cutoff"] == 3)
    let byQuery = try JSON.parse(
      Array(
        try workspace.output(
          ["evaluate", "--model", "first/last", "--data", "val.jsonl", "--label", "fits", "--json"] + Self.read
        ).utf8))
    #expect(byQuery["groups"] == 9)

    // On one to four ranks.
    let adaptor = loss == "bce" ? "{LogitCE: {temperature: 2}}" : "LogitMSE"
    let runs = try (1...4).map { ranks in
      try workspace.train(
        .mixStep,
        set: settings + [
          "run.directory=ranks-\(ranks)", "teacher.model=first/best",
          "student={fromTeacher: {layers: [2, 4]}, dropout: {classifier: 0.1}}",
          "stages.mix.adaptors=[HidnTinyBERT, \(adaptor), MarginMSE]",
        ] + TokenCacheRuns.setting(ranks: ranks), ranks: ranks)
    }
    for run in runs.dropFirst() {
      #expect(run.weightBytes("last") == runs[0].weightBytes("last"), "\(run.directory)")
      #expect(run.comparableEvents == runs[0].comparableEvents, "\(run.directory)")
    }
    #expect(runs[0].events("validation").allSatisfy { $0["val_MarginMSE"]?.double ?? 0 > 0 })
    for command in [["report", "ranks-2"], ["plan", "--config", "ranks-2/config.yaml"], ["compare", "ranks-2"]] {
      let result = try workspace.run(command)
      #expect(result.status == 0, "\(result)")
    }
    let page = workspace.text("ranks-2/report.html")
    #expect(page.contains("Relevant texts found") && page.contains("teacher</li>"))
    _ = try workspace.output(["export", "ranks-1/best", "exported"])

    // The score is what a cross-encoder's activation makes of the logit.
    let lines = try jsonLines(
      try workspace.output(["predict", "--model", "ranks-1/best", "--input", "val.jsonl"] + Self.read))
    #expect(lines.count == 36 && lines.allSatisfy { $0.object?.map(\.0) == ["score", "logits", "hash"] })
    for line in lines {
      let (score, logit) = (try #require(line["score"]?.double), try #require(line["logits"]?.array?[0].double))
      #expect(loss == "bce" ? 0 < score && score < 1 && (score > 0.5) == (logit > 0) : score == logit)
    }
  }

  @Test("margins are learned from a teacher's predictions as from the teacher")
  func predictedMargins() throws {
    let workspace = try Self.workspace()
    _ = try workspace.train(.finetune, set: Self.settings() + ["run.directory=first", "student.head=new"])
    for name in ["train", "val"] {
      _ = try workspace.output(
        ["predict", "--model", "first/best", "--input", "\(name).jsonl", "--output", "\(name)-teacher.jsonl"]
          + Self.read)
    }
    let settings =
      Self.settings() + ["student={fromTeacher: {layers: [2, 4]}}", "stages.mix.adaptors=[MarginMSE]"]
    let live = try workspace.train(.mixStep, set: settings + ["teacher.model=first/best"])
    let predicted = try workspace.train(
      .mixStep,
      set: settings + [
        "teacher={model: first/best, predictions: [train-teacher.jsonl, val-teacher.jsonl]}", "run.directory=predicted",
      ])
    #expect(predicted.weightBytes("last") == live.weightBytes("last"))
    #expect(predicted.losses == live.losses)
  }

  @Test("a directory of sentence-transformers is read as the cross-encoder that it is")
  func readsCrossEncoders() throws {
    let workspace = try Self.workspace()
    _ = try workspace.train(.finetune, set: Self.settings() + ["run.directory=first", "student.head=new"])
    func output(_ path: String) throws -> String {
      try workspace.output(["predict", "--model", path, "--input", "val.jsonl"] + Self.read)
    }
    let wanted = try output("first/best")
    // As version 6 saves one, and as versions before 4 did.
    try workspace.replace(#""sentence_transformers""#, by: #""other""#, in: "first/best/config.json")
    try workspace.write(
      #"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"}]"#,
      to: "first/best/modules.json")
    try workspace.write(
      #"{"model_type": "CrossEncoder", "activation_fn": "torch.nn.modules.activation.Sigmoid"}"#,
      to: "first/best/config_sentence_transformers.json")
    #expect(try output("first/best") == wanted)
    try workspace.write("{}", to: "first/best/config_sentence_transformers.json")
    try workspace.replace(
      #""other""#, by: #""sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity", "other""#,
      in: "first/best/config.json")
    let identity = try jsonLines(try output("first/best"))
    #expect(identity.allSatisfy { $0["score"]?.double == $0["logits"]?.array?[0].double })
    _ = try workspace.train(
      .mixStep,
      set: Self.settings() + [
        "run.directory=next", "teacher.model=first/best", "student={fromTeacher: {layers: [2, 4]}}",
        "stages.mix.adaptors=[LogitMSE]",
      ])
    let next = workspace.text("next/best/config.json")
    #expect(next.contains("activation.Sigmoid") && !next.contains("sbert_ce") && !next.contains("linear.Identity"))
    try workspace.replace("linear.Identity", by: "activation.Tanh", in: "first/best/config.json")
    let tanh = try workspace.run(["predict", "--model", "first/best", "--input", "val.jsonl"] + Self.read)
    #expect(tanh.status == 1 && tanh.errors.contains("activation_fn: expected"), "\(tanh)")
  }

  struct Mistake: Sendable, CustomTestStringConvertible {
    let name: String
    /// Replaces the first row.
    var row: String?
    var set: [String] = []
    var task = "{kind: pairs}"
    let message: String

    var testDescription: String { name }
  }

  static let mistakes = [
    Mistake(
      name: "a score that is no number", row: #"{"query": "good", "text": "film", "fits": "yes"}"#,
      message: #"train.jsonl:1: fits: expected a number from 0 to 1, found "yes""#),
    Mistake(
      name: "a label above 1", row: #"{"query": "good", "text": "film", "fits": 2}"#,
      message:
        "train.jsonl:1: fits: expected a number from 0 to 1, found integer 2; divide all scores by the highest, or set "
        + "task.loss: mse"),
    Mistake(
      name: "a row without a pair", row: #"{"query": "good", "fits": 1}"#,
      message: "train.jsonl:1: text: expected a string, found nothing"),
    Mistake(
      name: "an empty pair", row: #"{"query": "good", "text": "", "fits": 1}"#,
      message: "train.jsonl: row 1: expected two texts, found an empty one"),
    Mistake(
      name: "single texts", set: ["data.train={jsonl: train.jsonl, textColumn: query, labelColumn: fits}"],
      message: "train.jsonl: expected pairs of texts, as these are scored, found single texts; name the column"),
    Mistake(
      name: "an empty group", row: #"{"query": "good", "text": "film", "fits": 1, "id": " "}"#,
      set: ["data.train.groupColumn=id"],
      message: "train.jsonl:1: id: expected the name of the row's group, found nothing"),
    Mistake(
      name: "groups of another task", set: ["data.train.groupColumn=id"], task: "{kind: regression}",
      message: "data.train.groupColumn: groups are ranked by task.kind: pairs alone"),
    Mistake(
      name: "two outputs", set: ["task.labels=[a, b]"],
      message: "task.labels: expected one name, that of the score, found 2"),
    Mistake(
      name: "weights of a squared error", set: ["task.positiveWeights=[2]"], task: "{kind: pairs, loss: mse}",
      message: "task.positiveWeights: does not go with loss: mse"),
    Mistake(
      name: "margins of another task", set: ["stages.0.adaptors=[MarginMSE]", "teacher={model: teacher}"],
      task: "{kind: classification}",
      message: "MarginMSE: compares texts of a query, and the task is single_label_classification"),
    Mistake(
      name: "groups kept in another task", set: ["training.keepGroups=true"], task: "{kind: regression}",
      message: "training.keepGroups: groups are of task.kind: pairs alone"),
    Mistake(
      name: "an option of another task", set: ["task.cutoff=3"], task: "{kind: regression}",
      message: "task.cutoff: does not go with kind: regression"),
  ]

  @Test("bad input is named", arguments: mistakes)
  func refuses(mistake: Mistake) throws {
    let workspace = try Self.workspace()
    if let row = mistake.row {
      let rows = workspace.text("train.jsonl").split(separator: "\n")
      try workspace.write(([row] + rows.dropFirst().map(String.init)).joined(separator: "\n") + "\n", to: "train.jsonl")
    }
    let result = try workspace.attempt(
      .finetune, set: Self.settings(mistake.task) + mistake.set + ["student.head=new"])
    #expect(result.status == 1 && result.errors.contains(mistake.message), "\(result)")
  }

  @Test("commands refuse single texts, and other tasks what scores pairs")
  func refusesSingleTexts() throws {
    let workspace = try Self.workspace()
    _ = try workspace.train(.finetune, set: Self.settings() + ["run.directory=first", "student.head=new"])
    let single = try workspace.run(["predict", "--model", "first/best", "--input", "val_text.txt"])
    #expect(
      single.status == 1 && single.errors.contains("val_text.txt: expected pairs of texts, as these are scored"),
      "\(single)")
    let regression = try workspace.attempt(
      .finetune, set: Self.settings("{kind: regression}") + ["student={model: first/best}"])
    #expect(
      regression.status == 1 && regression.errors.contains("found that of a model that scores pairs"), "\(regression)")
    let cutoff = try workspace.run(
      ["evaluate", "--model", "teacher", "--data", "val_text.txt", "val_labels.txt", "--cutoff", "3"])
    #expect(cutoff.status == 1 && cutoff.errors.contains("--cutoff: goes with a model of pairs"), "\(cutoff)")
  }
}
