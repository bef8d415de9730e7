import Distillation
import Kernels
import Text

/// A model's predictions for a dataset, and how long they took.
package struct Predictions: Sendable {
  /// (rows, classes), in the order of the dataset.
  package let logits: [[Float]]
  /// The hard loss; 0 where rows have no labels.
  package let loss: Double
  package let seconds: Double
}

extension ClassifierModel {
  /// Runs the model over a dataset, shared among ranks and their workers.
  ///
  /// - Parameters:
  ///   - precision: what products round their factors to.
  ///   - progress: told on rank 0 the share of its work that is done, by whichever worker did it.
  /// - Returns: the predictions on rank 0, `nil` elsewhere.
  package func predict(
    _ data: TokenizedDataset, places: Places, precision: Precision = .float32,
    progress: (@Sendable (Double) -> Void)? = nil
  ) throws -> Predictions? {
    try check(data)
    let clock = ContinuousClock()
    let start = clock.now
    let objective = StageObjective(task: task, labelWeight: task.kind.hasLoss ? 1 : 0, adaptors: [])
    let evaluation = Evaluation(
      student: encoder, weights: weights, teacher: nil, objective: objective, places: places, precision: precision)
    guard let outcome = try evaluation.run(data, progress: places.ranks.rank == 0 ? progress : nil) else { return nil }
    return Predictions(logits: outcome.logits, loss: outcome.losses.total, seconds: (clock.now - start).seconds)
  }
}
