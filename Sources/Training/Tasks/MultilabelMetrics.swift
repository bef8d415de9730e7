/// How well sets of classes match those that rows are labelled with, as scikit-learn computes it; 0 where a quotient has no
/// denominator.
struct MultilabelMetrics: Sendable {
  struct Class: Sendable {
    /// That have it.
    let rows: Int
    let precision: Double
    let recall: Double
    let f1: Double
    let averagePrecision: Double
  }

  let classes: [Class]
  let microF1: Double
  let samplesF1: Double
  let exactMatch: Double

  /// Over all classes, those that no row has included.
  var macroF1: Double { Self.mean(classes.map(\.f1)) }
  var meanAveragePrecision: Double { Self.mean(classes.map(\.averagePrecision)) }

  /// - Parameters:
  ///   - targets: (rows, outputs)
  ///   - scores: (rows, outputs), higher for what is surer.
  ///   - isChosen: whether a score puts its class into the set.
  init(targets: [[Bool]], scores: [[Float]], outputs: Int, isChosen: (Float) -> Bool) {
    precondition(targets.count == scores.count)
    let chosen = scores.map { $0.map(isChosen) }
    var (right, wanted, found) = (0, 0, 0)
    classes = (0..<outputs).map { output in
      var (own, rows, predictions) = (0, 0, 0)
      for (target, answer) in zip(targets, chosen) {
        own += target[output] && answer[output] ? 1 : 0
        rows += target[output] ? 1 : 0
        predictions += answer[output] ? 1 : 0
      }
      right += own
      wanted += rows
      found += predictions
      return Class(
        rows: rows, precision: Self.ratio(own, predictions), recall: Self.ratio(own, rows),
        f1: Self.ratio(2 * own, rows + predictions),
        averagePrecision: Self.averagePrecision(targets.map { $0[output] }, scores.map { $0[output] }))
    }
    microF1 = Self.ratio(2 * right, wanted + found)
    samplesF1 = Self.mean(
      zip(targets, chosen).map { target, answer in
        let both = zip(target, answer).count { $0 && $1 }
        return Self.ratio(2 * both, target.count { $0 } + answer.count { $0 })
      })
    exactMatch = Self.ratio(zip(targets, chosen).count { $0 == $1 }, targets.count)
  }

  /// Σ (Rₙ − Rₙ₋₁)·Pₙ over the thresholds that scores give; rows of equal score come together.
  static func averagePrecision(_ targets: [Bool], _ scores: [Float]) -> Double {
    let positives = targets.count { $0 }
    guard positives > 0 else { return 0 }
    let order = scores.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
    var (sum, right, start) = (0.0, 0, 0)
    while start < order.count {
      // A score that is no number equals none, itself included.
      var end = start + 1
      while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
      let own = order[start..<end].count { targets[$0] }
      right += own
      sum += Double(own) / Double(positives) * Double(right) / Double(end)
      start = end
    }
    return sum
  }

  /// What a threshold at each score gives, from the largest on; rows of equal score come together.
  static func precisionsByRecall(_ targets: [Bool], _ scores: [Float]) -> [(x: Double, y: Double)] {
    let positives = targets.count { $0 }
    guard positives > 0 else { return [] }
    let order = scores.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
    var right = 0
    var points: [(x: Double, y: Double)] = []
    for (place, row) in order.enumerated() {
      right += targets[row] ? 1 : 0
      guard place + 1 == order.count || scores[order[place + 1]] != scores[row] else { continue }
      points.append((Double(right) / Double(positives), Double(right) / Double(place + 1)))
    }
    return points
  }

  private static func ratio(_ a: Int, _ b: Int) -> Double { b == 0 ? 0 : Double(a) / Double(b) }
  private static func mean(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
  }
}
