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
    /// The loss, then the task's metrics.
    let metrics: [(metric: TaskMetric, value: Double)]
    let secondsPer1000: Double
    /// Where rows have one class each.
    let classes: Classes?
    /// Of other tasks: what there is to say of each output, and to draw.
    let tables: [[[String]]]
    let charts: [TaskChart]

    func value(_ key: String) -> Double? { metrics.first { $0.metric.key == key }?.value }
  }

  /// What a classifier takes rows for.
  struct Classes: Sendable {
    let metrics: ClassificationMetrics
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
      validation.labels.allSatisfy({ 0 <= $0 && Int($0) < max(1, model.configuration.labels.count) }),
      let predictions = try model.predict(validation, places: places)
    else {
      quality = nil
      return
    }
    let answers = Answers(model.task, outputs: labels, logits: predictions.logits, data: validation)
    quality = Quality(
      metrics: (model.task.kind.hasLoss ? [(.loss, predictions.loss)] : []) + answers.metrics,
      secondsPer1000: predictions.seconds / Double(validation.count) * 1000,
      classes: model.task.kind == .classification ? Classes(answers, predictions, validation) : nil,
      tables: model.task.kind == .classification ? [] : answers.details.tables, charts: answers.charts)
  }
}

extension MeasuredModel.Classes {
  fileprivate init(_ answers: Answers, _ predictions: Predictions, _ validation: TokenizedDataset) {
    metrics = answers.classification
    labels = validation.labels.map(Int.init)
    self.answers = predictions.logits.map { logits in
      let best = logits.indexOfLargest
      return (best, 1 / logits.reduce(0) { $0 + exp(Double($1 - logits[best])) })
    }
  }
}
