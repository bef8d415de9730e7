import Glibc

/// How well scores rank the rows of each group, as a mean over the groups that there is something to rank in: those with a
/// relevant row and another. No metric depends on the order in which rows of the same score stand.
struct RankingMetrics: Sendable {
  /// The least label of a relevant row.
  static let relevance = 0.5

  let groups: Int
  /// Those that count.
  let ranked: Int
  /// 1 / the rank of the first relevant row, or 0 behind the cutoff. Rows of its score that are not relevant rank before
  /// it.
  let meanReciprocalRank: Double
  /// As scikit-learn's `ndcg_score`: gains are labels, and rows of the same score share the mean of their gains.
  let meanGain: Double
  /// As scikit-learn's `average_precision_score`: rows of the same score come together. It has no cutoff.
  let meanAveragePrecision: Double

  /// - Parameters:
  ///   - groups: (rows)
  ///   - labels: relevance, where a negative one counts as 0. (rows)
  ///   - scores: (rows)
  init(groups: [Int32], labels: [Float], scores: [Float], cutoff: Int) {
    let all = Group.all(groups: groups, labels: labels, scores: scores)
    var ranked = 0
    var sums = (rank: 0.0, gain: 0.0, precision: 0.0)
    for group in all where group.isRanked {
      ranked += 1
      sums.rank += group.reciprocalRank(cutoff)
      sums.gain += group.gain(cutoff)
      sums.precision += MultilabelMetrics.averagePrecision(group.isRelevant, group.scores)
    }
    (self.groups, self.ranked) = (all.count, ranked)
    let count = Double(max(1, ranked))
    (meanReciprocalRank, meanGain) = (sums.rank / count, sums.gain / count)
    meanAveragePrecision = sums.precision / count
  }

  /// The share of a group's relevant rows among its first 1, 2, … rows, as a mean over the groups that count. Rows of one
  /// score that are not relevant rank first.
  ///
  /// - Returns: as many as the largest group has rows, `mostRows` at most; none where no group counts.
  static func recalls(groups: [Int32], labels: [Float], scores: [Float], mostRows: Int) -> [Double] {
    let ranked = Group.all(groups: groups, labels: labels, scores: scores).filter(\.isRanked)
    let count = min(mostRows, ranked.map(\.labels.count).max() ?? 0)
    var sums = [Double](repeating: 0, count: count)
    for group in ranked {
      let relevant = group.isRelevant
      let order = group.scores.indices.sorted {
        (-group.scores[$0], relevant[$0] ? 1 : 0, $0) < (-group.scores[$1], relevant[$1] ? 1 : 0, $1)
      }
      let total = Double(relevant.count { $0 })
      var found = 0.0
      for place in 0..<count {
        if place < order.count, relevant[order[place]] { found += 1 }
        sums[place] += found / total
      }
    }
    return sums.map { $0 / Double(ranked.count) }
  }
}

/// The rows that are ranked together.
private struct Group {
  let labels: [Double]
  let scores: [Float]

  /// Rows of one group wherever they stand, in their order.
  static func all(groups: [Int32], labels: [Float], scores: [Float]) -> [Group] {
    precondition(groups.count == labels.count && labels.count == scores.count)
    let order = groups.indices.sorted { (groups[$0], $0) < (groups[$1], $1) }
    let parts = order.reduce(into: [[Int]]()) { parts, row in
      if let last = parts.last?.last, groups[last] == groups[row] {
        parts[parts.count - 1].append(row)
      } else {
        parts.append([row])
      }
    }
    return parts.map { rows in
      Group(labels: rows.map { max(0, Double(labels[$0])) }, scores: rows.map { scores[$0] })
    }
  }

  /// Whether there is something to rank.
  var isRanked: Bool { labels.count > 1 && isRelevant.contains(true) }

  var isRelevant: [Bool] { labels.map { $0 >= RankingMetrics.relevance } }

  func reciprocalRank(_ cutoff: Int) -> Double {
    let best = zip(scores, isRelevant).filter(\.1).map(\.0).max() ?? 0
    let rank = 1 + zip(scores, isRelevant).count { $0 > best || $0 == best && !$1 }
    return rank <= cutoff ? 1 / Double(rank) : 0
  }

  /// DCG by the scores over DCG by the labels.
  func gain(_ cutoff: Int) -> Double {
    let ideal = zip(labels.sorted(by: >), 0...).reduce(0) { $0 + $1.0 * Self.discount($1.1, cutoff) }
    let order = scores.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
    var (sum, start) = (0.0, 0)
    while start < order.count {
      // A score that is no number equals none, itself included.
      var end = start + 1
      while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
      let labels = order[start..<end].reduce(0) { $0 + self.labels[$1] }
      let discounts = (start..<end).reduce(0) { $0 + Self.discount($1, cutoff) }
      sum += labels / Double(end - start) * discounts
      start = end
    }
    return ideal > 0 ? sum / ideal : 0
  }

  /// Of a place from 0.
  private static func discount(_ place: Int, _ cutoff: Int) -> Double {
    place < cutoff ? 1 / log2(Double(place) + 2) : 0
  }
}
