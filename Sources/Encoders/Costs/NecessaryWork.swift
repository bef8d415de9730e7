/// Arithmetic that cannot be avoided, in floating-point operations over real tokens; `Benchmarks/README.md` writes the
/// formulas down.
package struct NecessaryWork: Sendable, Equatable {
  /// Of products with weights.
  package var linear = 0.0
  /// Of products inside sentences: scores, contexts and relations.
  package var attention = 0.0
  /// Numbers written by everything else, layer by layer: normalizations, activation functions, dropout and their
  /// gradients.
  package var elements = 0.0

  package init() {}

  package var operations: Double { linear + attention }

  package static func + (a: Self, b: Self) -> Self {
    var sum = a
    sum.linear += b.linear
    sum.attention += b.attention
    sum.elements += b.elements
    return sum
  }

  package static func * (work: Self, factor: Double) -> Self {
    var product = work
    product.linear *= factor
    product.attention *= factor
    product.elements *= factor
    return product
  }

  /// rows × inputs times inputs × outputs; with a backward pass, the gradients of both factors too.
  package static func linear(_ rows: Double, _ outputs: Int, _ inputs: Int, backward: Bool) -> Double {
    (backward ? 3 : 1) * 2 * rows * Double(outputs) * Double(inputs)
  }

  /// One encoder over some text, doing what its taps need.
  package static func encoder(
    _ configuration: EncoderConfiguration, taps: TapSelection, text: TextFigures, backward: Bool
  ) -> NecessaryWork {
    let (width, inner) = (configuration.hiddenSize, configuration.intermediateSize)
    let depth = taps.depth(of: configuration)
    var work = NecessaryWork()
    for layer in stride(from: 1, through: depth, by: 1) {
      let (output, need) = taps.work(at: layer, of: configuration)
      let rows =
        switch output {
        case .all: text.tokens
        case .first: text.sentences
        case nil: 0.0
        }
      func project(_ rows: Double, _ parts: Int) {
        work.linear += linear(rows, parts * width, width, backward: backward)
      }
      for part in need.parts { project(part.rows == .first ? text.sentences : text.tokens, 1) }
      project(rows, 1)
      work.linear += (configuration.isGated ? 3 : 2) * linear(rows, inner, width, backward: backward)
      // Scores and contexts; backward, two products for each.
      let reach = configuration.reach(ofLayer: layer - 1)
      let squares = text.pairs(within: reach)
      let own = if case .first = output { text.pairsOfFirst(within: reach) } else { squares }
      let perPair = (backward ? 3 : 1) * 2 * Double(width)
      work.attention += perPair * (taps.contains(.scores(layer)) ? squares : output == nil ? 0 : own)
      work.attention += perPair * (output == nil ? 0 : own)
      // Each term multiplies a token with the rows of its sentence's distances, and maps those of the longest sentence.
      let scores = taps.contains(.scores(layer)) || output != nil
      if let positions = configuration.disentanglement, positions.isOn, scores {
        let (terms, isOfFirst) = (Double(positions.terms - 1), output == .first && !taps.contains(.scores(layer)))
        let products = isOfFirst ? text.tokens : text.sum { $0 * configuration.positionRows(length: $0) }
        work.attention += perPair * terms * products
        let rows = Double(configuration.positionRows(length: text.longest))
        work.linear += terms * linear(rows, width, width, backward: backward)
      }
      work.elements +=
        (backward ? 3 : 1)
        * (rows * Double(6 * width + 2 * inner) + (output == nil ? 0 : own) * 2 * Double(configuration.heads))
    }
    if taps.readsHead { work = work + head(configuration, text: text) * (backward ? 3 : 1) }
    let embeddingWidth = configuration.embeddingWidth
    if embeddingWidth != width { work.linear += linear(text.tokens, width, embeddingWidth, backward: backward) }
    work.elements += (backward ? 3 : 1) * text.tokens * Double(3 * embeddingWidth)
    return work
  }

  /// The pooler, or the map of sentence vectors, forward; the classifier has hardly any columns.
  package static func head(_ configuration: EncoderConfiguration, text: TextFigures) -> NecessaryWork {
    var work = NecessaryWork()
    let rows = configuration.headRows == .all ? text.tokens : text.sentences
    if configuration.problem == .embedding, let dense = configuration.vector.dense {
      work.linear = linear(rows, dense.width, configuration.hiddenSize, backward: false)
    }
    guard configuration.hasHeadDense else { return work }
    work.linear = linear(rows, configuration.hiddenSize, configuration.hiddenSize, backward: false)
    return work
  }
}

extension TextFigures {
  /// Pairs of tokens of a sentence that see each other.
  fileprivate func pairs(within reach: Int?) -> Double {
    guard let reach else { return squares }
    // Σ over queries of min(i, reach) + 1 + min(n − 1 − i, reach).
    return sum { $0 <= reach + 1 ? $0 * $0 : $0 * (2 * reach + 1) - reach * (reach + 1) }
  }

  /// Tokens that a sentence's first sees.
  fileprivate func pairsOfFirst(within reach: Int?) -> Double { sum { min($0, (reach ?? $0) + 1) } }
}

extension EncoderConfiguration {
  /// The rows of the table of relative positions that a sentence's distances need.
  func positionRows(length: Int) -> Int {
    guard let own = disentanglement, own.isOn else { return 0 }
    let farthest = own.bucket(max(0, length - 1), maxDistance: maxDistance)
    return min(farthest, positionSpan - 1) + min(farthest, positionSpan) + 1
  }
}
