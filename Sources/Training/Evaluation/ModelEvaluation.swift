import Kernels
import Text

/// A model's predictions for a dataset, and how long they took.
package struct Predictions: Sendable {
  /// (rows, classes), in the order of the dataset.
  package let logits: [[Float]]
  /// Σ cross-entropy over the rows; 0 where they have no labels.
  package let crossEntropySum: Double
  package let seconds: Double
}

extension ClassifierModel {
  /// Runs the model over a dataset, shared among ranks and their workers.
  ///
  /// - Parameter progress: told on rank 0 the share of its work that is done, by whichever worker did it.
  /// - Returns: the predictions on rank 0, `nil` elsewhere.
  package func predict(
    _ data: TokenizedDataset, places: Places, progress: (@Sendable (Double) -> Void)? = nil
  ) throws -> Predictions? {
    try check(data)
    let clock = ContinuousClock()
    let start = clock.now
    let evaluation = Evaluation(
      student: encoder, weights: weights, teacher: nil, objective: StageObjective(labelWeight: 1, adaptors: []),
      places: places)
    guard let outcome = try evaluation.run(data, progress: places.ranks.rank == 0 ? progress : nil) else { return nil }
    return Predictions(
      logits: outcome.logits, crossEntropySum: outcome.sums.values[0], seconds: (clock.now - start).seconds)
  }
}
