import Kernels

/// Copies what a narrower encoder keeps of another's weights (as in Samragh et al., 2023, Weight subcloning): of the hidden
/// dimensions, which all layers share, and of each layer's heads and inner states those that most goes through, by the
/// squares of the weights on either side. What a map reads less of is scaled up by as much as its sums lose.
package struct Narrowing {
  private let old: Encoder
  private let weights: ParameterBuffer
  private let new: Encoder
  private let result: ParameterBuffer
  /// The kept hidden dimensions, ascending.
  private var kept: [Int] = []
  private var from: EncoderConfiguration { old.configuration }
  private var to: EncoderConfiguration { new.configuration }

  /// - Parameter result: the new encoder's weights, all of which are written.
  package init(from old: Encoder, _ weights: ParameterBuffer, to new: Encoder, _ result: ParameterBuffer) {
    (self.old, self.weights, self.new, self.result) = (old, weights, new, result)
    var strengths = [Double](repeating: 0, count: from.hiddenSize)
    for layer in old.parameters.layers.indices {
      let slots = old.parameters.layers[layer]
      for (map, norm) in [(slots.qkv, attentionInput(layer)), (slots.intermediate, feedForwardInput(layer))] {
        let read = columnStrengths(map.weight, norm)
        for index in strengths.indices { strengths[index] += read[index] }
      }
    }
    kept = strongest(to.hiddenSize, strengths)
  }

  // MARK: What is read

  /// The norm whose output a layer's attention reads; `nil` where that is no norm's.
  private func attentionInput(_ layer: Int) -> Slot? {
    if from.normPlace == .beforeBlocks {
      return old.parameters.layers[layer].attentionNorm?.weight ?? old.parameters.embeddingsNorm.weight
    }
    if layer > 0 { return old.parameters.layers[layer - 1].outputNorm.weight }
    return old.parameters.embeddingsProjection == nil ? old.parameters.embeddingsNorm.weight : nil
  }

  /// The norm whose output a layer's feed-forward reads.
  private func feedForwardInput(_ layer: Int) -> Slot? {
    let slots = old.parameters.layers[layer]
    return from.normPlace == .beforeBlocks ? slots.outputNorm.weight : slots.attentionNorm?.weight
  }

  /// The norm whose output the head reads.
  private var headInput: Slot? { old.parameters.finalNorm?.weight ?? old.parameters.layers.last?.outputNorm.weight }

  /// Σ (γ·w)² over the rows of a map's weight, for each of its columns. γ is the scale of the norm that it reads.
  private func columnStrengths(_ slot: Slot, _ norm: Slot?) -> [Double] {
    let matrix = weights[slot]
    var sums = [Double](repeating: 0, count: matrix.columns)
    for row in 0..<matrix.rows {
      let values = matrix.rows(row..<row + 1).values
      for (column, value) in values.enumerated() { sums[column] += Double(value) * Double(value) }
    }
    guard let norm else { return sums }
    return zip(sums, weights[norm].values).map { $0 * Double($1) * Double($1) }
  }

  private func rowStrengths(_ matrix: Matrix) -> [Double] {
    (0..<matrix.rows).map { row in
      matrix.rows(row..<row + 1).values.reduce(0) { $0 + Double($1) * Double($1) }
    }
  }

  /// The places of the largest, ascending.
  private func strongest(_ count: Int, _ strengths: [Double]) -> [Int] {
    strengths.indices.sorted { (-strengths[$0], $0) < (-strengths[$1], $1) }.prefix(count).sorted()
  }

  /// By how much sums grow that lost the columns that are not kept.
  private func scale(_ strengths: [Double], _ columns: [Int]) -> Float {
    let all = strengths.reduce(0, +)
    let part = columns.reduce(0) { $0 + strengths[$1] }
    return part > 0 ? Float((all / part).squareRoot()) : 1
  }

  // MARK: Copying

  /// - Parameters:
  ///   - rows: of the old matrix; `nil` for all. So with columns.
  private func copy(_ target: Slot, _ source: Slot, rows: [Int]? = nil, columns: [Int]? = nil, scale: Float = 1) {
    let (target, source) = (result[target], weights[source])
    let rows = rows ?? Array(0..<source.rows)
    let columns = columns ?? Array(0..<source.columns)
    precondition(target.rows == rows.count && target.columns == columns.count, "what is kept fits")
    for (row, oldRow) in rows.enumerated() {
      for (column, oldColumn) in columns.enumerated() { target[row, column] = source[oldRow, oldColumn] * scale }
    }
  }

  /// A vector of the hidden width.
  private func copy(_ target: NormSlots?, _ source: NormSlots?) {
    guard let target, let source else { return }
    let columns = source.weight.columns == from.hiddenSize ? kept : nil
    copy(target.weight, source.weight, columns: columns)
    if let bias = target.bias, let old = source.bias { copy(bias, old, columns: columns) }
  }

  private func copy(
    _ target: AffineSlots?, _ source: AffineSlots?, rows: [Int]? = nil, columns: [Int]? = nil, scale: Float = 1
  ) {
    guard let target, let source else { return }
    copy(target.weight, source.weight, rows: rows, columns: columns, scale: scale)
    if let bias = target.bias, let old = source.bias { copy(bias, old, columns: rows) }
  }

  /// A map that reads hidden states.
  private func copy(_ target: AffineSlots?, reading source: AffineSlots?, _ norm: Slot?, rows: [Int]? = nil) {
    guard let source else { return }
    copy(target, source, rows: rows, columns: kept, scale: scale(columnStrengths(source.weight, norm), kept))
  }

  package func copy() {
    let (a, b) = (old.parameters, new.parameters)
    let embeddings = a.embeddingsProjection == nil ? kept : nil
    copy(b.wordEmbeddings, a.wordEmbeddings, columns: embeddings)
    if let own = b.positionEmbeddings, let table = a.positionEmbeddings { copy(own, table, columns: embeddings) }
    if let own = b.typeEmbeddings, let table = a.typeEmbeddings { copy(own, table, columns: embeddings) }
    copy(b.embeddingsNorm, a.embeddingsNorm)
    copy(b.embeddingsProjection, a.embeddingsProjection, rows: kept)
    if let own = b.relativePositions, let table = a.relativePositions { copy(own, table, columns: kept) }
    copy(b.relativePositionsNorm, a.relativePositionsNorm)
    let heads = heads()
    if let own = b.positionBias, let table = a.positionBias { copy(own, table, columns: heads[0]) }
    for layer in a.layers.indices { copyLayer(layer, heads: heads[layer]) }
    copy(b.finalNorm, a.finalNorm)
    copy(b.headDense, reading: a.headDense, headInput, rows: kept)
    copy(b.headNorm, a.headNorm)
    let norm = a.headDense == nil ? headInput : a.headNorm?.weight
    copy(b.classifier, reading: a.classifier, norm)
    copy(b.vectorDense, reading: a.vectorDense, headInput)
  }

  private func copyLayer(_ layer: Int, heads: [Int]) {
    let (a, b) = (old.parameters.layers[layer], new.parameters.layers[layer])
    let attended = heads.flatMap { head in (0..<from.headSize).map { head * from.headSize + $0 } }
    let stacked = (0..<3).flatMap { part in attended.map { part * from.hiddenSize + $0 } }
    copy(b.qkv, reading: a.qkv, attentionInput(layer), rows: stacked)
    copy(
      b.attentionOutput, a.attentionOutput, rows: kept, columns: attended, scale: scale(valueStrengths(layer), attended)
    )
    copy(b.attentionNorm, a.attentionNorm)
    let inner = innerStrengths(layer)
    let states = strongest(to.intermediateSize, inner)
    let gates = from.isGated ? states.map { from.intermediateSize + $0 } : []
    copy(b.intermediate, reading: a.intermediate, feedForwardInput(layer), rows: states + gates)
    copy(b.output, a.output, rows: kept, columns: states, scale: scale(inner, states))
    copy(b.outputNorm, a.outputNorm)
    // Of the table of relative positions, by heads.
    copy(b.positionKeys, reading: a.positionKeys, nil, rows: attended)
    copy(b.positionQueries, reading: a.positionQueries, nil, rows: attended)
  }

  /// What goes through each dimension of a layer's values. (hidden)
  private func valueStrengths(_ layer: Int) -> [Double] {
    let slots = old.parameters.layers[layer]
    let values = weights[slots.qkv.weight].rows(2 * from.hiddenSize..<3 * from.hiddenSize)
    return zip(rowStrengths(values), columnStrengths(slots.attentionOutput.weight, nil)).map(*)
  }

  /// What goes through each of a layer's inner states. (intermediate)
  private func innerStrengths(_ layer: Int) -> [Double] {
    let slots = old.parameters.layers[layer]
    let (states, matrix) = (from.intermediateSize, weights[slots.intermediate.weight])
    var inputs = rowStrengths(matrix.rows(0..<states))
    if from.isGated { inputs = zip(inputs, rowStrengths(matrix.rows(states..<2 * states))).map(*) }
    return zip(inputs, columnStrengths(slots.output.weight, nil)).map(*)
  }

  /// Each layer's kept heads; the same ones where layers share a bias of positions for each head.
  private func heads() -> [[Int]] {
    let strengths = old.parameters.layers.indices.map { layer in
      let values = valueStrengths(layer)
      return (0..<from.heads).map { head in
        values[head * from.headSize..<(head + 1) * from.headSize].reduce(0, +)
      }
    }
    guard old.parameters.positionBias != nil else { return strengths.map { strongest(to.heads, $0) } }
    let all = (0..<from.heads).map { head in strengths.reduce(0) { $0 + $1[head] } }
    return strengths.map { _ in strongest(to.heads, all) }
  }
}
