import Checkpoints
import Distillation
import Encoders
import Text

extension RunInputs {
  /// The rows that the run's model is measured on at its end.
  static func test(
    _ configuration: RunConfiguration, _ student: ClassifierModel, _ reader: SourceReader
  ) throws -> TokenizedDataset? {
    guard let source = configuration.data.test else { return nil }
    let rows = try reader.read(source, outputs: student.configuration.labels, areNeeded: true, areRanked: true)
    let suffices = source.missingLabels == .unlabelled && rows.labelledRows > 0
    if !suffices, let row = rows.firstUnlabelledRow {
      throw ModelError(
        "\(source.name): row \(row + 1) has no label, and test data is there to be measured on; give labels or "
          + "labelColumn, leave the row out, or set missingLabels: unlabelled")
    }
    return rows
  }
}

/// The test at a run's end. It comes behind the last state, so that a run that was killed in it makes up for it.
extension StageRun {
  /// Collective: measures the best checkpoint on the test data, and says so in its model card.
  ///
  /// - Returns: what came of it, on rank 0 where there is test data.
  func test() throws -> TestReport? {
    guard let data = inputs.test else { return nil }
    let start = ContinuousClock.now
    let best = try student(from: .best)
    let objective = StageObjective(task: inputs.task, labelWeight: inputs.task.kind.hasLoss ? 1 : 0, adaptors: [])
    let evaluation = Evaluation(
      student: best.encoder, weights: best.weights, teacher: nil, objective: objective, places: places)
    // Only rank 0 has the metrics, and sees what is wrong with them.
    let report: TestReport? = try places.ranks.together {
      guard let outcome = try evaluation.run(data) else { return nil }
      let answers = Answers(objective.task, outputs: student.configuration.labels, logits: outcome.logits, data: data)
      var metrics: [(name: String, value: Double)] = []
      if objective.task.kind.hasLoss, let hard = outcome.losses.hard { metrics.append((TaskMetric.loss.testKey, hard)) }
      metrics += answers.metrics.map { ($0.metric.testKey, $0.value) }
      for metric in metrics where !metric.value.isFinite {
        throw ModelError("\(metric.name) is not a finite number: \(settings.training.remedyForDivergence)")
      }
      return TestReport(
        stage: settings.name, checkpoint: checkpoint ?? "", step: progress.bestReport?.step ?? progress.step,
        rows: data.labelledRows, metrics: metrics, seconds: start.duration(to: .now).seconds)
    }
    guard let report else { return nil }
    if let checkpoint {
      try session.tolerating("the model card") {
        try ModelExport.changeCard(in: checkpoint) { ModelCard.adding(report, configuration, to: $0) }
      }
    }
    try session.journal.record(.tested(report))
    return report
  }

  /// What `best` stands for.
  private var checkpoint: String? {
    guard let directory, let name = selection?.best else { return nil }
    return "\(directory.path)/checkpoints/\(name)"
  }
}
