import Testing

/// Training that diverges ends, and nothing it made counts as good.
@Suite struct Divergence {
  private static let explosive =
    "training={batchSize: 10, epochs: 3, learningRate: 1000, optimizer: {kind: sgd}, maxGradientNorm: null, "
    + "schedule: {kind: constant, warmup: 0}}"

  private static func expectEnd(_ result: ProgramRun) {
    #expect(result.status == 1)
    #expect(result.occurrences(of: "not a finite number: training has diverged; lower learningRate, now 1000.0") == 1)
  }

  @Test(arguments: [1, 2])
  func endsWithItsStageAndStep(ranks: Int) throws {
    let workspace = try TinyWorkspace()
    let result = try workspace.attempt(.mixStep, set: [Self.explosive], ranks: ranks)
    Self.expectEnd(result)
    #expect(result.errors.contains("Error: stage mix, step "))
    #expect(!workspace.exists("run/best") && !workspace.exists("run/summary.json"))
  }

  /// The step that destroys the model may be the last before it is judged, and a model whose logits are NaN still has
  /// an accuracy.
  @Test func noCheckpointOfADivergedModelIsTheBest() throws {
    let workspace = try TinyWorkspace()
    let diverged = try workspace.attempt(.mixStep, set: [Self.explosive, "data.validation=null"])
    let step = try #require(
      diverged.errors.split(separator: "step ").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) })
    let judged = try workspace.attempt(
      .mixStep,
      set: [
        Self.explosive, "stages.0.checkpoint={monitor: val_accuracy, saveTopK: 2}", "run.directory=judged",
        "training.maxSteps=\(step - 1)",
      ])
    Self.expectEnd(judged)
    #expect(!workspace.exists("judged/best") && !workspace.exists("judged/stages/mix/best"), "step \(step)")
  }
}
