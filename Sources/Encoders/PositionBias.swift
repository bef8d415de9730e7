import Glibc
import Kernels
import Text

/// What attention scores get for the distance between their two tokens: scores += bias[bucket(key − query)], a number
/// for each head, the same in all layers. Or the gradient of that.
final class PositionBias {
  /// By distance, from the most negative one. (heads, 2·longest − 1)
  private let byDistance: Matrix
  private let longest: Int

  private init(byDistance: Matrix, longest: Int) {
    self.byDistance = byDistance
    self.longest = longest
  }

  /// - Parameter table: (buckets, heads)
  init(_ table: Matrix, _ batch: Batch, arena: Arena) {
    longest = (0..<batch.sentences).map(batch.length).max() ?? 0
    byDistance = arena.matrix(table.columns, max(0, 2 * longest - 1))
    for column in 0..<byDistance.columns {
      let row = table.rows(Self.bucket(column - longest + 1))
      for head in 0..<table.columns { byDistance.rows(head).base[column] = row.base[head] }
    }
  }

  /// A gradient of zero.
  func makeGradient(arena: Arena) -> PositionBias {
    PositionBias(byDistance: arena.zeros(byDistance.rows, byDistance.columns), longest: longest)
  }

  /// Scores of one sentence and head: of queries from the first token on. (queries, length)
  func forward(_ scores: Matrix, head: Int) {
    for query in 0..<scores.rows {
      Kernels.add(byDistance.rows(head).columns(distances(from: query, scores)), to: scores.rows(query))
    }
  }

  /// Adds the gradient of scores to this gradient. Forward: scores += bias[bucket(key − query)]
  func backward(_ dScores: Matrix, head: Int) {
    for query in 0..<dScores.rows {
      Kernels.add(dScores.rows(query), to: byDistance.rows(head).columns(distances(from: query, dScores)))
    }
  }

  /// Adds this gradient to that of the table.
  func add(toTable dTable: Matrix) {
    for column in 0..<byDistance.columns {
      let row = dTable.rows(Self.bucket(column - longest + 1))
      for head in 0..<dTable.columns { row.base[head] += byDistance.rows(head).base[column] }
    }
  }

  private func distances(from query: Int, _ scores: Matrix) -> Range<Int> {
    longest - 1 - query..<longest - 1 - query + scores.columns
  }

  /// The row of a distance (Raffel et al., 2020; transformers' `MPNetEncoder.relative_position_bucket`): one each for
  /// the shortest, then as many for each doubling; keys behind the query in the second half.
  static func bucket(_ distance: Int) -> Int {
    let (buckets, exact, farthest) = (16, 8, 128)
    let half = distance > 0 ? buckets : 0
    let length = abs(distance)
    guard length >= exact else { return half + length }
    // In 32 bits, as there: the powers of two must come out whole.
    let doublings = logf(Float(length) / Float(exact)) / Float(log(Double(farthest / exact)))
    return half + min(exact + Int(doublings * Float(buckets - exact)), buckets - 1)
  }
}

extension Matrix {
  fileprivate func rows(_ row: Int) -> Matrix { rows(row..<row + 1) }
}
