/// How likely a row of a class has a higher score than one that is not of it, as scikit-learn's `roc_auc_score`; equal
/// scores count half.
enum AreaUnderROC {
  /// By the sum of the positives' ranks (Mann and Whitney, 1947); `nil` where one side has no rows.
  static func of(_ isPositive: [Bool], scores: [Double]) -> Double? {
    let positives = isPositive.count { $0 }
    let negatives = isPositive.count - positives
    guard positives > 0, negatives > 0 else { return nil }
    let order = scores.indices.sorted { (scores[$0], $0) < (scores[$1], $1) }
    // Twice the ranks, so that the mean rank of equal scores is a whole number.
    var (sum, start) = (0, 0)
    while start < order.count {
      // A score that is no number equals none, itself included.
      var end = start + 1
      while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
      let own = order[start..<end].count { isPositive[$0] }
      // Ranks from start + 1 to end.
      sum += own * (start + 1 + end)
      start = end
    }
    return (Double(sum) / 2 - Double(positives) * Double(positives + 1) / 2) / (Double(positives) * Double(negatives))
  }

  /// Of the second class where there are two; of more, the mean of each against the rest, over those that some rows are of
  /// and some are not. 0.5, as by chance, where there is none.
  ///
  /// - Parameter logits: (rows, classes)
  static func ofClasses(_ labels: [Int32], logits: [Float], classes: Int) -> Double {
    let rows = labels.indices.lazy.map { logits[$0 * classes..<($0 + 1) * classes] }
    guard classes > 2 else {
      let scores = Array(rows.map { Double($0[$0.startIndex + 1]) - Double($0[$0.startIndex]) })
      return of(labels.map { $0 == 1 }, scores: scores) ?? 0.5
    }
    let probabilities = Array(rows.map { softmax($0) })
    let areas = (0..<classes).compactMap { one in
      of(labels.map { $0 == one }, scores: probabilities.map { $0[one] })
    }
    return areas.isEmpty ? 0.5 : areas.reduce(0, +) / Double(areas.count)
  }
}
