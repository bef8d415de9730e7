import Glibc
import Text
import Training

/// A model as it does on the run's validation data, on this machine.
struct MeasuredModel: Sendable {
  /// `teacher`, `student`, or the name of a baseline.
  let name: String
  let path: String
  let parameters: Int
  let layers: Int
  let hiddenSize: Int
  let heads: Int
  let labels: [String]
  /// `nil` where there is no labelled validation data or no trained head.
  let quality: Quality?

  struct Quality: Sendable {
    let loss: Double
    let metrics: ClassificationMetrics
    let secondsPer1000: Double
    /// Of each row.
    let labels: [Int]
    let answers: [(label: Int, probability: Double)]
  }

  init(_ model: ClassifierModel, name: String, path: String, validation: TokenizedDataset?, places: Places) throws {
    self.name = name
    self.path = path
    parameters = model.parameterCount
    layers = model.configuration.layers
    hiddenSize = model.configuration.hiddenSize
    heads = model.configuration.heads
    labels = model.configuration.labels
    guard let validation, validation.count > 0, model.hasTrainedHead,
      validation.labels.allSatisfy({ 0 <= $0 && Int($0) < model.configuration.labels.count }),
      let predictions = try model.predict(validation, places: places)
    else {
      quality = nil
      return
    }
    let rows = validation.labels.map(Int.init)
    let answers = predictions.logits.map { logits -> (label: Int, probability: Double) in
      let best = logits.indexOfLargest
      return (best, 1 / logits.reduce(0) { $0 + exp(Double($1 - logits[best])) })
    }
    quality = Quality(
      loss: predictions.crossEntropySum / Double(validation.count),
      metrics: ClassificationMetrics(
        labels: rows, predictions: answers.map(\.label), classes: model.configuration.labels.count),
      secondsPer1000: predictions.seconds / Double(validation.count) * 1000, labels: rows, answers: answers)
  }
}
