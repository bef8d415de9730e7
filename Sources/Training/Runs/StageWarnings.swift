/// What a stage's settings and the number of its rows make of each other, where the run would end well and have learned
/// less than was meant.
package struct StageWarnings {
  /// One sentence each, with what to change.
  package let texts: [String]

  /// - Parameters:
  ///   - epochBatches: the number of batches of each epoch.
  ///   - validates: whether there is validation data.
  init(_ settings: StageSettings, epochBatches: [Int], rows: Int, validates: Bool) {
    let stage = "stage \(settings.name)"
    texts = [
      Self.learningRate(settings.training, steps: epochBatches.reduce(0, +)),
      validates ? Self.checkpoints(settings, epochBatches: epochBatches) : nil,
      Self.droppedRows(settings.training, epochBatches: epochBatches, rows: rows), Self.bits(settings.training),
    ].compactMap { $0.map { "\(stage): \($0)" } }
  }

  /// A rate that is 0, or still rises when the stage ends.
  private static func learningRate(_ training: TrainingSettings, steps: Int) -> String? {
    let schedule = Schedule(training.schedule, peak: training.learningRate, totalSteps: steps)
    let remedy = "train longer, or shorten training.warmup"
    let most = (0..<steps).lazy.map { schedule.learningRate(at: $0) }.max() ?? 0
    guard most > 0 else {
      return training.learningRate == 0
        ? "training.learningRate is 0: nothing is learned"
        : "the learning rate is 0 in \(steps == 1 ? "its only step" : "all of its \(grouped(steps)) steps"), since a "
          + "warm-up starts at 0: nothing is learned; \(remedy)"
    }
    guard schedule.warmupSteps >= steps else { return nil }
    return "the warm-up of \(grouped(schedule.warmupSteps)) steps is not over when the stage ends after "
      + "\(grouped(steps)): the learning rate gets no higher than \(shown(most)) of "
      + "\(shown(training.learningRate)); \(remedy)"
  }

  /// More checkpoints to keep than there are validations, or a choice among those of one validation.
  private static func checkpoints(_ settings: StageSettings, epochBatches: [Int]) -> String? {
    let wanted = settings.checkpoint.saveTopK
    guard wanted > 1 else { return nil }
    let validations = self.validations(settings.training, epochBatches: epochBatches)
    guard validations < wanted else { return nil }
    let count = validations == 1 ? "one validation" : "\(grouped(validations)) validations"
    return "checkpoint.saveTopK asks for \(grouped(wanted)) checkpoints, but the stage has \(count) and saves no more "
      + "than that; lower saveTopK, or set training.validateEverySteps"
  }

  /// After each epoch and every so many steps; where both fall together, once.
  private static func validations(_ training: TrainingSettings, epochBatches: [Int]) -> Int {
    guard let every = training.validateEverySteps else { return epochBatches.count }
    let total = epochBatches.reduce(0, +)
    var (ends, step) = (0, 0)
    for batches in epochBatches {
      step += batches
      if step % every != 0 { ends += 1 }
    }
    return total / every + ends
  }

  /// Rows that no epoch reaches, or that each epoch leaves out.
  private static func droppedRows(_ training: TrainingSettings, epochBatches: [Int], rows: Int) -> String? {
    guard training.dropLast, let batches = epochBatches.max() else { return nil }
    let left = rows - (rows / training.batchSize) * training.batchSize
    guard batches == rows / training.batchSize, 4 * left >= rows else { return nil }
    return "dropLast leaves out \(grouped(left)) of \(grouped(rows)) rows in each epoch; lower training.batchSize, or "
      + "set dropLast: false"
  }

  /// Bits that a number of micro-batches would keep the same.
  private static func bits(_ training: TrainingSettings) -> String? {
    guard training.gradientSum == .mpi else { return nil }
    return "with gradientSum: mpi, the last bits of the weights depend on the number of ranks"
      + (training.microBatches == .auto ? "" : ", whatever microBatches is") + "; gradientSum: tree keeps them the same"
  }

  /// As it is written in a configuration, without the digits that arithmetic leaves at the end.
  private static func shown(_ rate: Double) -> String { "\(Float(rate))" }
}
