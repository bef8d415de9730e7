import JSON

/// A stage as the log tells it.
package struct RecordedStage: Sendable {
  /// One optimizer step. A number that was not finite is NaN.
  struct Step: Sendable {
    let step: Int
    let epoch: Int
    let loss: Double
    /// In the order of `terms`.
    let terms: [Double]
    let learningRate: Double
    let gradientNorm: Double
    let sentences: Int
    let tokens: Int
    let seconds: Double
  }

  struct Validation: Sendable {
    let step: Int
    let epoch: Int
    /// By the names a checkpoint can monitor.
    let metrics: [(name: String, value: Double)]
    let isBest: Bool
    let seconds: Double

    func value(_ name: String) -> Double? { metrics.first { $0.name == name }?.value }
  }

  /// What it learns from, besides labels.
  struct Adaptor: Sendable {
    let name: String
    let weight: Double
    let pairs: [(student: Int, teacher: Int)]
  }

  let name: String
  let plannedSteps: Int
  let epochs: Int
  let labelWeight: Double
  let adaptors: [Adaptor]
  let monitor: String?
  private(set) var steps: [Step] = []
  private(set) var skippedSteps = 0
  private(set) var validations: [Validation] = []
  /// Of each term that counts, by its name in the log.
  private(set) var gradientShares: [(step: Int, shares: [(name: String, value: Double)])] = []
  private(set) var isFinished = false
  /// Its best checkpoint, relative to where the program was run.
  private(set) var bestCheckpoint: String?

  /// The parts of the loss, before their weights.
  var terms: [String] { (labelWeight == 0 ? [] : ["hard"]) + adaptors.map(\.name) }

  /// The validation of the best checkpoint so far.
  var best: Validation? { validations.last(where: \.isBest) ?? (monitor == nil ? validations.last : nil) }

  var sentences: Int { steps.reduce(0) { $0 + $1.sentences } }
  var steppingSeconds: Double { steps.reduce(0) { $0 + $1.seconds } }

  /// - Parameter event: `stage_started`.
  init(_ event: JSON) {
    name = event["stage"]?.string ?? ""
    plannedSteps = event["steps"]?.int ?? 0
    epochs = event["epochs"]?.int ?? 0
    labelWeight = event["label_weight"]?.double ?? 0
    monitor = event["monitor"]?.string
    adaptors = (event["adaptors"]?.array ?? []).map { adaptor in
      Adaptor(
        name: adaptor["name"]?.string ?? "", weight: adaptor["weight"]?.double ?? 0,
        pairs: (adaptor["layers"]?.array ?? []).compactMap { pair in
          guard let pair = pair.array, pair.count == 2, let student = pair[0].int, let teacher = pair[1].int else {
            return nil
          }
          return (student, teacher)
        })
    }
  }

  /// Takes in an event of this stage.
  mutating func add(_ event: JSON) {
    func number(_ key: String) -> Double { event[key]?.double ?? .nan }
    func integer(_ key: String) -> Int { event[key]?.int ?? 0 }
    switch event["event"]?.string {
    case "step":
      steps.append(
        Step(
          step: integer("step"), epoch: integer("epoch"), loss: number("loss"), terms: terms.map(number),
          learningRate: number("learning_rate"), gradientNorm: number("gradient_norm"),
          sentences: integer("sentences"), tokens: integer("tokens"), seconds: number("seconds")))
    case "step_skipped": skippedSteps += 1
    case "validation":
      validations.append(
        Validation(
          step: integer("step"), epoch: integer("epoch"),
          metrics: (event.object ?? JSONObject()).compactMap { key, value in
            key.hasPrefix("val_") ? value.double.map { (key, $0) } : nil
          }, isBest: event["best"]?.bool ?? false, seconds: number("seconds")))
    case "gradient_shares":
      let prefix = "gradient_share/"
      gradientShares.append(
        (
          integer("step"),
          (event.object ?? JSONObject()).compactMap { key, value in
            key.hasPrefix(prefix) ? value.double.map { (String(key.dropFirst(prefix.count)), $0) } : nil
          }
        ))
    case "stage_finished":
      isFinished = true
      bestCheckpoint = event["best_checkpoint"]?.string
    default: break
    }
  }
}
