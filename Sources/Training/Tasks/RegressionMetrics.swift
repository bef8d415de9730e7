/// How close predicted numbers are to those that rows are labelled with, as scikit-learn and scipy compute it.
struct RegressionMetrics: Sendable {
  private let targets: [Double]
  private let predictions: [Double]

  init(targets: [Double], predictions: [Double]) {
    precondition(targets.count == predictions.count)
    (self.targets, self.predictions) = (targets, predictions)
  }

  var meanSquaredError: Double { mean(zip(targets, predictions).map { ($0 - $1) * ($0 - $1) }) }
  var meanAbsoluteError: Double { mean(zip(targets, predictions).map { abs($0 - $1) }) }

  /// 0 where one side is constant, and there is no correlation.
  var pearson: Double { Self.correlation(targets, predictions) }

  /// Pearson's of the ranks; equal numbers share the mean of theirs.
  var spearman: Double { Self.correlation(Self.ranks(targets), Self.ranks(predictions)) }

  static func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
      // Ranks start + 1 … end.
      for place in start..<end { ranks[order[place]] = Double(start + 1 + end) / 2 }
      start = end
    }
    return ranks
  }

  static func correlation(_ x: [Double], _ y: [Double]) -> Double {
    guard x.contains(where: { $0 != x[0] }), y.contains(where: { $0 != y[0] }) else { return 0 }
    let (meanX, meanY) = (mean(x), mean(y))
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for (a, b) in zip(x, y) {
      xx += (a - meanX) * (a - meanX)
      yy += (b - meanY) * (b - meanY)
      xy += (a - meanX) * (b - meanY)
    }
    let spread = xx.squareRoot() * yy.squareRoot()
    return spread > 0 ? max(-1, min(1, xy / spread)) : 0
  }

  private static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
  private func mean(_ values: [Double]) -> Double { Self.mean(values) }
}
