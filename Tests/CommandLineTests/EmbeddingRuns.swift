import Checkpoints
import JSON
import Testing

/// Sentence vectors are learned from a teacher's, to the same bytes on any ranks, and read as sentence-transformers
/// writes them.
@Suite struct EmbeddingRuns {
  private static let configuration = Configuration.vectors

  /// The teacher is a directory of sentence-transformers, as older versions write it.
  private static func workspace() throws -> TinyWorkspace {
    let workspace = try TinyWorkspace()
    try workspace.write(
      """
      [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
       {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
       {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]
      """, to: "teacher/modules.json")
    try createDirectories("\(workspace.path)/teacher/1_Pooling")
    try workspace.write(
      #"{"word_embedding_dimension": 8, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}"#,
      to: "teacher/1_Pooling/config.json")
    let rows = TinyWorkspace.sentences(40, seed: 3)
    try workspace.write(
      "a\tb\tscore\n"
        + (0..<20).map { "\(rows[2 * $0].text)\t\(rows[2 * $0 + 1].text)\t\(Double($0 % 6))\n" }.joined(),
      to: "pairs.tsv")
    return workspace
  }

  @Test("distilled on one to four ranks, evaluated and predicted with")
  func wholeWay() throws {
    let workspace = try Self.workspace()
    let runs = try (1...4).map { ranks in
      try workspace.train(
        Self.configuration, set: ["run.directory=ranks-\(ranks)"] + TokenCacheRuns.setting(ranks: ranks), ranks: ranks)
    }
    for run in runs.dropFirst() {
      #expect(run.weightBytes("last") == runs[0].weightBytes("last"), "\(run.directory)")
      #expect(run.comparableEvents == runs[0].comparableEvents, "\(run.directory)")
    }
    let losses = runs[0].losses
    #expect(losses.count == 6 && (losses.last ?? 1) < (losses.first ?? 0))
    let validation = try #require(runs[0].events("validation").last)
    #expect(validation["val_EmbeddingMSE"] != nil && validation["val_loss"] == nil)
    let similarity = try #require(validation["val_SimilarityMSE"]?.double)
    #expect(similarity > 0 && similarity < 1)

    // As sentence-transformers has it, and complete: its folder is in the manifest.
    let modules = try JSON.parse(Array(workspace.text("ranks-1/best/modules.json").utf8))
    #expect(
      modules.array?.compactMap { $0["type"]?.string } == [
        "sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling",
      ])
    #expect(workspace.text("ranks-1/best/1_Pooling/config.json").contains(#""pooling_mode_max_tokens": true"#))
    #expect(workspace.text("ranks-1/best/config.json").contains("BertModel"))
    #expect(workspace.text("ranks-1/best/README.md").contains("SentenceTransformer(DIRECTORY)"))
    _ = try workspace.output(["verify", "ranks-1/best"])
    try workspace.write("{}", to: "ranks-3/last/1_Pooling/config.json")
    let damaged = try workspace.run(["verify", "ranks-3/last"])
    #expect(damaged.status == 1 && "\(damaged)".contains("1_Pooling/config.json"), "\(damaged)")

    // What the log says is what `evaluate` finds, and what the vectors say. A second text of the usual name is found.
    try workspace.write(
      workspace.text("pairs.tsv").replacing("a\tb\tscore", with: "a\ttext_pair\tscore"), to: "named.tsv")
    let pairs = ["--data", "pairs.tsv", "--text", "a", "--text-pair", "b", "--label", "score", "--max-length", "16"]
    let evaluated = try JSON.parse(
      Array(try workspace.output(["evaluate", "--model", "ranks-1/last"] + pairs + ["--json"]).utf8))
    #expect(evaluated["spearman"]?.double == validation["val_spearman"]?.double, "\(evaluated)")
    #expect(evaluated["loss"] == nil)
    let named = try workspace.output(
      [
        "evaluate", "--model", "ranks-1/last", "--data", "named.tsv", "--label", "score", "--max-length", "16",
        "--json",
      ]
        + ["--text", "a"])
    #expect(try JSON.parse(Array(named.utf8))["spearman"] == evaluated["spearman"])
    let rows = try jsonLines(
      try workspace.output(["predict", "--model", "ranks-1/best", "--input", "val_text.txt"]))
    #expect(rows.count == 37 && rows.allSatisfy { $0.object?.map(\.0) == ["vector", "hash"] })
    let width = try #require(rows[0]["vector"]?.array?.count)
    _ = try workspace.output(
      ["predict", "--model", "ranks-1/best", "--input", "val_text.txt", "--output", "vectors.csv"])
    #expect(workspace.text("vectors.csv").split(separator: "\n")[0].split(separator: ",").count == width)
    #expect(workspace.text("vectors.csv").hasPrefix("vector_0,vector_1,"))
    // A teacher's are normalised, as its directory says.
    let teacher = try jsonLines(try workspace.output(["predict", "--model", "teacher", "--input", "val_text.txt"]))
    for row in teacher {
      let squares = (row["vector"]?.array ?? []).reduce(0.0) { $0 + ($1.double ?? 0) * ($1.double ?? 0) }
      #expect(abs(squares - 1) < 1e-5)
    }
    for command in [["report", "ranks-2"], ["plan", "--config", "ranks-2/config.yaml"], ["compare", "ranks-2"]] {
      let result = try workspace.run(command)
      #expect(result.status == 0, "\(result)")
    }
    // What was saved starts another run, which says nothing of how it pools.
    _ = try workspace.train(
      Self.configuration,
      set: ["run.directory=next", "student={model: ranks-1/best}", "task={kind: embedding}"])
    #expect(workspace.text("next/best/1_Pooling/config.json").contains(#""pooling_mode_max_tokens": true"#))
  }

  /// Texts that are alike have higher scores.
  private static let scored = [
    "task={kind: embedding, largestScore: 5}",
    "data.train={tsv: pairs.tsv, textColumn: a, pairColumn: b, labelColumn: score}", "stages.vectors.labelWeight=1",
    "data.unlabelled=[{tsv: pairs.tsv, textColumn: b, pairColumn: a}]", "stages.vectors.adaptors=[SimilarityMSE]",
  ]

  @Test("learned from scores of pairs too, on one to four ranks", arguments: ["concatenate", "{labelled: 0.5}"])
  func scores(mix: String) throws {
    let workspace = try Self.workspace()
    let runs = try (1...4).map { ranks in
      try workspace.train(
        Self.configuration, set: Self.scored + ["data.mix=\(mix)", "run.directory=ranks-\(ranks)"], ranks: ranks)
    }
    for run in runs.dropFirst() {
      #expect(run.weightBytes("last") == runs[0].weightBytes("last"), "\(run.directory)")
      #expect(run.comparableEvents == runs[0].comparableEvents, "\(run.directory)")
    }
    let validations = runs[0].events("validation").compactMap { $0["val_loss"]?.double }
    #expect(!validations.isEmpty && (validations.last ?? 1) < 0.5)
    let alone = try workspace.train(
      Self.configuration,
      set: Self.scored.dropLast(2) + ["stages.vectors.adaptors=[]", "teacher=null", "run.directory=alone"])
    #expect(alone.losses.count == 6 && alone.events("validation").allSatisfy { $0["val_loss"] != nil })
  }

  private struct Mistake {
    let set: [String]
    let message: String
  }

  @Test("what is refused is named")
  func refuses() throws {
    let workspace = try Self.workspace()
    let scored = Self.scored
    let mistakes = [
      Mistake(set: ["stages.vectors.labelWeight=1"], message: "stage vectors learns from labels, and there are none"),
      Mistake(
        set: scored + ["data.train={tsv: pairs.tsv, textColumn: a, labelColumn: score}"],
        message: "stage vectors learns from scores, which are of two texts each; give pairColumn"),
      Mistake(
        set: scored + ["training.batchSize=9"],
        message:
          "training.batchSize: the two texts of a pair are rows of the same batch; expected an even number, found 9"),
      Mistake(
        set: scored + ["task.largestScore=4"],
        message: "pairs.tsv: row 6: expected a score from -4.0 to 4.0, as cosines are compared with it, found 5.0; set "
          + "task.largestScore to the highest score"),
      Mistake(set: ["stages.vectors.update=head"], message: "the model of embedding has no head"),
      Mistake(set: ["task.labels=[a]"], message: "task.labels: does not go with kind: embedding"),
      Mistake(
        set: ["stages.vectors.adaptors=[LogitMSE]"], message: "LogitMSE: compares logits, and sentence vectors are none"
      ),
      Mistake(
        set: ["teacher={predictions: [x.jsonl]}"],
        message: "teacher.predictions: files of predictions have no sentence vectors"),
      Mistake(
        set: ["stages.vectors.adaptors=[{EmbeddingMSE: {projection: never}}]"],
        message: "projection: never needs equal widths"),
      Mistake(
        set: ["task={kind: classification, pooling: mean}"],
        message: "task.pooling: does not go with kind: classification"),
    ]
    for mistake in mistakes {
      let result = try workspace.attempt(Self.configuration, set: mistake.set)
      #expect(result.status == 1 && result.errors.contains(mistake.message), "\(mistake.set): \(result)")
    }
    let single = try workspace.run(["evaluate", "--model", "teacher", "--data", "val_text.txt", "val_labels.txt"])
    #expect(single.status == 1 && single.errors.contains("vectors are scored on pairs of texts"), "\(single)")
    try workspace.write(#"{"pooling_mode": ["mean", "max"]}"#, to: "teacher/1_Pooling/config.json")
    let two = try workspace.attempt(Self.configuration)
    #expect(two.errors.contains(#"pooling_mode: expected one of mean, cls, max, found "mean", "max""#), "\(two)")
    try workspace.replace("models.Normalize", by: "models.LayerNorm", in: "teacher/modules.json")
    try workspace.write(#"{"pooling_mode": "cls", "embedding_dimension": 8}"#, to: "teacher/1_Pooling/config.json")
    let other = try workspace.attempt(Self.configuration)
    #expect(other.errors.contains("found Transformer, Pooling, LayerNorm, which is not supported"), "\(other)")
  }
}
