import Kernels
import Text

/// Some neighbouring queries of a sentence and the keys that they see.
struct AttentionBand {
  let queries: Range<Int>
  let keys: Range<Int>

  /// Rows of a band: a tile product's, many enough for the keys outside the window to be few.
  private static let rows = 32

  /// The bands of the first `queries` tokens of a sentence.
  static func bands(queries: Int, length: Int, reach: Int) -> [AttentionBand] {
    stride(from: 0, to: queries, by: rows).map { start in
      let end = min(start + rows, queries)
      return AttentionBand(queries: start..<end, keys: max(0, start - reach)..<min(length, end + reach))
    }
  }

  /// The keys of the widest band.
  static func width(length: Int, reach: Int) -> Int { min(length, rows + 2 * reach) }
}

/// Attention of layers whose tokens see a window: of a longer sentence's scores only bands along the diagonal are
/// computed and kept.
extension SelfAttention {
  /// Whether a sentence has tokens that do not see each other.
  func isWindowed(length: Int) -> Bool { reach.map { length > $0 + 1 } ?? false }

  /// As `forward`, of one sentence.
  func windowedForward(
    context out: Matrix, _ input: Projections, sentence: Int, rows: OutputRows, probabilities: AttentionMaps,
    scores: AttentionMaps?, _ context: PassContext
  ) {
    guard let reach else { return }
    let arena = context.arena
    let range = context.batch.starts[sentence]..<context.batch.starts[sentence + 1]
    let asking = rows.range(of: sentence, in: context.batch)
    let bands = AttentionBand.bands(
      queries: scores == nil ? asking.count : range.count, length: range.count, reach: reach)
    let width = AttentionBand.width(length: range.count, reach: reach)
    let keys = arena.tile(headSize, range.count)
    let scratch = arena.tile(width, headSize)
    let product = arena.tile(width, headSize)
    let weights = arena.tile(width, width)
    for head in 0..<heads {
      let columns = columns(head)
      transposeTile(keys, from: input.keys.rows(range).columns(columns))
      scores?.map(sentence: sentence, head: head).fill(AttentionMaps.outsideWindow)
      for (index, band) in bands.enumerated() {
        let p = probabilities.band(band, sentence: sentence, head: head)
        let firstQuery = (scores == nil ? asking : range).lowerBound
        let queries = input.queries.rows(band.queries.shifted(by: firstQuery)).columns(columns)
        tileProduct(p, queries, .no, keys.columns(band.keys), scale: scale)
        if let scores {
          forEachRow(of: band, reach: reach) { row, seen in
            scores.map(sentence: sentence, head: head).rows(row..<row + 1).columns(seen).copy(
              from: p.rows(row - band.queries.lowerBound..<row - band.queries.lowerBound + 1).columns(
                seen.shifted(by: -band.keys.lowerBound)))
          }
        }
        softmaxForward(out: p, scores: p, first: band.queries.lowerBound - band.keys.lowerBound, window: reach)
        let asked = band.queries.clamped(to: 0..<asking.count)
        guard !asked.isEmpty else { continue }
        let dropped = droppedProbabilities(
          p.rows(0..<asked.count), scratch: weights, sentence, head, part: index, context)
        self.product(
          into: out.rows(asked.shifted(by: asking.lowerBound)).columns(columns), dropped, .no,
          tile(input.values.rows(band.keys.shifted(by: range.lowerBound)).columns(columns), in: scratch),
          scratch: product)
      }
    }
  }

  /// As `scores`, of one sentence.
  func windowedScores(
    _ scores: AttentionMaps, queries: Matrix, keys: Matrix, sentence: Int, _ context: PassContext
  ) {
    guard let reach else { return }
    let arena = context.arena
    let range = context.batch.starts[sentence]..<context.batch.starts[sentence + 1]
    let width = AttentionBand.width(length: range.count, reach: reach)
    let transposed = arena.tile(headSize, range.count)
    let scratch = arena.tile(width, width)
    for head in 0..<heads {
      let map = scores.map(sentence: sentence, head: head)
      map.fill(AttentionMaps.outsideWindow)
      transposeTile(transposed, from: keys.rows(range).columns(columns(head)))
      for band in AttentionBand.bands(queries: range.count, length: range.count, reach: reach) {
        let s = scratch.rows(0..<band.queries.count).columns(0..<band.keys.count)
        tileProduct(
          s, queries.rows(band.queries.shifted(by: range.lowerBound)).columns(columns(head)), .no,
          transposed.columns(band.keys), scale: scale)
        forEachRow(of: band, reach: reach) { row, seen in
          map.rows(row..<row + 1).columns(seen).copy(
            from: s.rows(row - band.queries.lowerBound..<row - band.queries.lowerBound + 1).columns(
              seen.shifted(by: -band.keys.lowerBound)))
        }
      }
    }
  }

  /// As `backward`, of one sentence. Without `dContext` scores are all that was computed.
  func windowedBackward(
    d: Projections, dContext: Matrix?, _ input: Projections, sentence: Int, rows: OutputRows,
    probabilities: AttentionMaps?, dScores: AttentionMaps?, _ context: PassContext
  ) {
    guard let reach else { return }
    let arena = context.arena
    let range = context.batch.starts[sentence]..<context.batch.starts[sentence + 1]
    let asking = rows.range(of: sentence, in: context.batch)
    let queries = dScores == nil ? asking : range
    let bands = AttentionBand.bands(queries: queries.count, length: range.count, reach: reach)
    let width = AttentionBand.width(length: range.count, reach: reach)
    let valueTile = arena.tile(headSize, range.count)
    let scratch = arena.tile(width, headSize)
    let product = arena.tile(width, headSize)
    let weights = arena.tile(width, width)
    let scoreTile = arena.tile(width, width)
    d.queries.rows(queries).fill(0)
    d.keys.rows(range).fill(0)
    if dContext != nil { d.values.rows(range).fill(0) }
    for head in 0..<heads {
      let columns = columns(head)
      if dContext != nil { transposeTile(valueTile, from: input.values.rows(range).columns(columns)) }
      for (index, band) in bands.enumerated() {
        let keys = band.keys.shifted(by: range.lowerBound)
        let dS = scoreTile.rows(0..<band.queries.count).columns(0..<band.keys.count)
        let asked = dContext == nil ? 0..<0 : band.queries.clamped(to: 0..<asking.count)
        dS.fill(0)
        if let dContext, let probabilities, !asked.isEmpty {
          let own = dS.rows(0..<asked.count)
          let p = probabilities.band(band, sentence: sentence, head: head).rows(0..<asked.count)
          let dOut = dContext.rows(asked.shifted(by: asking.lowerBound)).columns(columns)
          let dropped = droppedProbabilities(p, scratch: weights, sentence, head, part: index, context)
          // context = dropped·V
          self.product(
            into: d.values.rows(keys).columns(columns), dropped, .yes, tile(dOut, in: scratch), accumulate: true,
            scratch: product)
          tileProduct(own, dOut, .no, valueTile.columns(band.keys))
          // dropped = dropout(p), p = softmax(scores)
          dropProbabilities(own, sentence, head, part: index, context)
          softmaxBackward(d: own, probabilities: p)
        }
        if let map = dScores?.map(sentence: sentence, head: head) {
          forEachRow(of: band, reach: reach) { row, seen in
            let place = row - band.queries.lowerBound
            add(
              map.rows(row..<row + 1).columns(seen),
              to: dS.rows(place..<place + 1).columns(seen.shifted(by: -band.keys.lowerBound)))
          }
        }
        // scores = Q·Kᵀ·scale
        let asks = band.queries.shifted(by: queries.lowerBound)
        self.product(
          into: d.queries.rows(asks).columns(columns), dS, .no,
          tile(input.keys.rows(keys).columns(columns), in: scratch), scale: scale, scratch: product)
        self.product(
          into: d.keys.rows(keys).columns(columns), dS, .yes,
          tile(input.queries.rows(asks).columns(columns), in: scratch), scale: scale, accumulate: true,
          scratch: product)
      }
    }
  }

  /// Each query of a band and the keys that it sees.
  private func forEachRow(of band: AttentionBand, reach: Int, _ body: (_ row: Int, _ seen: Range<Int>) -> Void) {
    for row in band.queries { body(row, (row - reach..<row + reach + 1).clamped(to: band.keys)) }
  }
}

extension Range<Int> {
  fileprivate func shifted(by offset: Int) -> Range<Int> { lowerBound + offset..<upperBound + offset }
}
