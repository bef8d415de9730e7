import Distillation
import Kernels
import Text

/// A model's predictions for a dataset, and how long they took.
package struct Predictions: Sendable {
  /// (rows, classes), in the order of the dataset.
  package let logits: [[Float]]
  /// The hard loss; 0 where rows have no labels.
  package let loss: Double
  package fileprivate(set) var seconds: Double
}

/// A model that predicts for many datasets, one after the other. Packing its weights, which takes as long as a short text,
/// is done once.
package struct Predictor {
  private let model: ClassifierModel
  private let places: Places
  private let evaluation: Evaluation

  /// - Parameter precision: what products round their factors to.
  package init(_ model: ClassifierModel, places: Places, precision: Precision = .float32) {
    let task = model.task
    let objective = StageObjective(task: task, labelWeight: task.kind.hasLoss ? 1 : 0, adaptors: [])
    self.model = model
    self.places = places
    evaluation = Evaluation(
      student: model.encoder, weights: model.weights, teacher: nil, objective: objective, places: places,
      precision: precision)
    evaluation.pack()
  }

  /// Runs the model over a dataset, shared among ranks and their workers.
  ///
  /// - Parameter progress: told on rank 0 the share of its work that is done, by whichever worker did it.
  /// - Returns: the predictions on rank 0, `nil` elsewhere.
  package func predict(
    _ data: TokenizedDataset, progress: (@Sendable (Double) -> Void)? = nil
  ) throws -> Predictions? {
    try model.check(data)
    let clock = ContinuousClock()
    let start = clock.now
    let report = places.ranks.rank == 0 ? progress : nil
    guard let outcome = try evaluation.run(data, packs: false, progress: report) else { return nil }
    return Predictions(logits: outcome.logits, loss: outcome.losses.total, seconds: (clock.now - start).seconds)
  }
}

extension ClassifierModel {
  /// What `Predictor` says of one dataset; its seconds are those of packing too.
  package func predict(
    _ data: TokenizedDataset, places: Places, precision: Precision = .float32,
    progress: (@Sendable (Double) -> Void)? = nil
  ) throws -> Predictions? {
    let clock = ContinuousClock()
    let start = clock.now
    var predictions = try Predictor(self, places: places, precision: precision).predict(data, progress: progress)
    predictions?.seconds = (clock.now - start).seconds
    return predictions
  }
}
