import JSON
import Testing

/// A NaN is found at the step it appears, with where it came from, and is never saved.
@Suite struct NonFiniteNumbers {
  private static let long = ["training={batchSize: 10, maxSteps: 44, learningRate: 2.0e-3}", Resuming.dropout]
  /// A word in one sentence of the training data.
  private static let row = 57
  private static let word = "[MASK]"

  /// A model of finite weights whose outputs for one word are not.
  private func workspace(poisoned model: String) throws -> TinyWorkspace {
    let workspace = try TinyWorkspace()
    var lines = workspace.text("train_text.txt").split(separator: "\n", omittingEmptySubsequences: false).map(
      String.init)
    lines[Self.row - 1] = "good \(Self.word) bad"
    try workspace.write(lines.joined(separator: "\n"), to: "train_text.txt")
    let width = try readWeights("\(workspace.path)/\(model)")["bert.embeddings.LayerNorm.bias"]?.count ?? 0
    let index = try #require(TinyWorkspace.vocabulary.firstIndex(of: Self.word))
    try workspace.spoil(
      model, "bert.embeddings.word_embeddings.weight", at: index * width..<(index + 1) * width, with: 3e38)
    return workspace
  }

  @Test(arguments: [("teacher", 1), ("teacher", 2), ("student", 1)])
  func stopsWithItsOriginAndSentence(model: String, ranks: Int) throws {
    let workspace = try workspace(poisoned: model)
    let result = try workspace.attempt(
      .mixStep, set: Self.long + (model == "student" ? ["student={model: student}"] : []),
      ranks: ranks)
    #expect(result.status == 1)
    #expect(result.occurrences(of: "is not a finite number") == 1, "\(result)")
    #expect(result.errors.contains("first found in the \(model)'s embeddings"), "\(result)")
    #expect(result.errors.contains("row \(Self.row): \"[CLS] good [MASK] bad [SEP]\""), "\(result)")
  }

  @Test(arguments: [1, 2])
  func skipLeavesTheWeightsAndGoesOn(ranks: Int) throws {
    let workspace = try workspace(poisoned: "teacher")
    let skip = Self.long + ["training.nonFinite=skip", "data.validation=null", "student={model: student}"]
    let run = try workspace.train(.mixStep, set: skip, ranks: ranks)
    // Once each epoch of 11 steps.
    let skipped = run.events("step_skipped")
    #expect(skipped.count == 4 && run.losses.count == 40)
    #expect(skipped.compactMap { $0["skipped_steps"]?.int } == [1, 2, 3, 4])
    #expect(skipped.allSatisfy { $0["rows"] == [.integer(Self.row)] && $0["origin"] == "the teacher's embeddings" })
    #expect(try run.weights().values.allSatisfy { $0.allSatisfy(\.isFinite) })
    let limited = try workspace.attempt(
      .mixStep, set: skip + ["training.maxSkippedSteps=2", "run.directory=limited"], ranks: ranks)
    #expect(limited.status == 1 && limited.occurrences(of: "2 steps were skipped before") == 1, "\(limited)")
  }

  /// A model and one row whose loss is finite and whose gradient is not: the class it is labelled with is as good as
  /// impossible, and behind the head its error is multiplied by a weight too large for the product.
  private func workspaceOfSteepRow() throws -> TinyWorkspace {
    let workspace = try TinyWorkspace()
    var labels = workspace.text("train_labels.txt").split(separator: "\n").map { $0 == "2" ? "1" : String($0) }
    labels[Self.row - 1] = "2"
    try workspace.write(labels.map { $0 + "\n" }.joined(), to: "train_labels.txt")
    try workspace.spoil("teacher", "classifier.bias", with: -1e38)
    let width = try readWeights("\(workspace.path)/teacher")["bert.pooler.dense.bias"]?.count ?? 0
    try workspace.spoil("teacher", "classifier.weight", at: 2 * width..<2 * width + 1, with: 2e37)
    return workspace
  }
  private static let steep = long + ["stages.0.labelWeight=1000000", "data.validation=null"]

  @Test(arguments: [1, 2])
  func gradientAloneStopsWithItsTensorAndSentence(ranks: Int) throws {
    let workspace = try workspaceOfSteepRow()
    let result = try workspace.attempt(.finetune, set: Self.steep, ranks: ranks)
    #expect(result.status == 1)
    #expect(result.occurrences(of: "is not a finite number") == 1, "\(result)")
    #expect(result.errors.contains(": the gradient of bert.pooler.dense."), "\(result)")
    #expect(result.errors.contains("\n  row \(Self.row): \"[CLS] "), "\(result)")
    // No layer's output shows it.
    #expect(!result.errors.contains("first found in"), "\(result)")
    #expect(!workspace.exists("run/best") && !workspace.exists("run/summary.json"))
  }

  @Test(arguments: [1, 2])
  func gradientAloneIsSkipped(ranks: Int) throws {
    let workspace = try workspaceOfSteepRow()
    let run = try workspace.train(.finetune, set: Self.steep + ["training.nonFinite=skip"], ranks: ranks)
    let skipped = run.events("step_skipped")
    #expect(skipped.count == 4 && run.losses.count == 40)
    #expect(skipped.allSatisfy { $0["rows"] == [.integer(Self.row)] })
    #expect(run.losses.allSatisfy { $0.isFinite })
    #expect(try run.weights().values.allSatisfy { $0.allSatisfy(\.isFinite) })
  }

  @Test func skippedStepsAreKeptByAResume() throws {
    let workspace = try workspace(poisoned: "teacher")
    let skip =
      Self.long + [
        "training.nonFinite=skip", "data.validation=null", "training.maxSteps=800", "student={model: student}",
        "training.maxSkippedSteps=1000",
      ]
    _ = try workspace.train(.mixStep, set: skip)
    let expected = try workspace.resultOfRun()
    try workspace.remove("run")
    let arguments = workspace.arguments(.mixStep, set: skip)
    try #require(try Resuming.stop(workspace, ranks: 1, after: 40, arguments: arguments).status == 75)
    #expect(try workspace.run(arguments + ["--resume", "auto"]).status == 0)
    #expect(try workspace.resultOfRun() == expected)
  }
}
