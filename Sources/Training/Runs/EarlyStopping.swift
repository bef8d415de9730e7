import JSON

/// When a stage ends that no longer gets better.
package struct EarlyStopping: Sendable, Equatable {
  /// Validations in a row without a better monitored metric; `nil` trains to the stage's end.
  package var patience: Int?
  /// By how much a metric is better than the best before.
  package var minDelta = 0.0

  package init() {}

  /// What a stage knows of it, on rank 0.
  struct Progress: Sendable, Equatable {
    private(set) var best: Double?
    /// Validations since then.
    private(set) var waited = 0
    /// The same on every rank.
    var hasEnded = false

    /// Takes the next validation's value.
    /// - Returns: whether patience is at its end. A NaN is never better.
    mutating func take(_ value: Double, _ settings: EarlyStopping, mode: CheckpointSettings.Mode) -> Bool {
      let isBetter =
        best.map { mode == .min ? value < $0 - settings.minDelta : value > $0 + settings.minDelta } ?? !value.isNaN
      if isBetter {
        (best, waited) = (value, 0)
      } else {
        waited += 1
      }
      return isOver(settings)
    }

    private func isOver(_ settings: EarlyStopping) -> Bool { settings.patience.map { waited >= $0 } ?? false }

    /// Goes on where more patience is given to a stage that it had ended.
    mutating func resume(_ settings: EarlyStopping) { hasEnded = hasEnded && isOver(settings) }
  }
}

extension EarlyStopping.Progress {
  var json: JSON {
    ["best": best.map(JSON.number) ?? .null, "waited": .integer(waited), "has_ended": .bool(hasEnded)]
  }

  init(json: JSON) throws {
    let fields = StateFields(json)
    best = try fields.unlessNull("best") { value in
      guard let best = value.double else { throw ModelError("best: expected a number, found \(value.summary)") }
      return best
    }
    waited = try fields.integer("waited")
    hasEnded = try fields.flag("has_ended")
  }
}
