import Kernels
import Text

/// out = dropout(LayerNorm(word[token] + position[i] + type[segment])), carried by a linear map to the layers' width
/// where the embeddings have another: in the end, or before the norm. A family may have no positions or no types.
struct Embeddings {
  let slots: EncoderParameters
  let configuration: EncoderConfiguration

  /// What the backward pass needs.
  struct Activations {
    /// What LayerNorm reads: the embeddings' sum, or its projection. (tokens, embedding width or hidden)
    let sum: Matrix
    let statistics: LayerNormStatistics
    /// What the linear map reads, where there is one. (tokens, embedding width)
    let unprojected: Matrix?
  }

  func forward(out: Matrix, _ context: PassContext) -> Activations {
    let batch = context.batch
    let width = configuration.embeddingWidth
    let word = context.weights[slots.wordEmbeddings]
    let position = slots.positionEmbeddings.map { context.weights[$0] }
    let type = slots.typeEmbeddings.map { context.weights[$0] }
    let sum = context.arena.matrix(out.rows, width)
    forEachToken(of: batch) { index, positionRow in
      let row = sum.rows(index..<index + 1)
      row.copy(from: word.rows(at: batch.tokens[index]))
      if let position { add(position.rows(at: positionRow), to: row) }
      if let type { add(type.rows(at: batch.types[index]), to: row) }
    }
    let statistics = LayerNormStatistics(rows: out.rows, arena: context.arena)
    if let projection = slots.embeddingsProjection, configuration.projectsEmbeddingsFirst {
      let projected = context.arena.matrix(out.rows, out.columns)
      context.linear(out: projected, input: sum, projection)
      context.layerNorm(out: out, sum: projected, residual: nil, slots.embeddingsNorm, configuration, statistics)
      drop(out, context)
      return Activations(sum: projected, statistics: statistics, unprojected: sum)
    }
    let unprojected = slots.embeddingsProjection.map { _ in context.arena.matrix(out.rows, width) }
    let normalized = unprojected ?? out
    context.layerNorm(out: normalized, sum: sum, residual: nil, slots.embeddingsNorm, configuration, statistics)
    drop(normalized, context)
    if let projection = slots.embeddingsProjection { context.linear(out: out, input: normalized, projection) }
    return Activations(sum: sum, statistics: statistics, unprojected: unprojected)
  }

  /// `d` is the gradient of `out`, and is used up.
  func backward(d dOut: Matrix, _ activations: Activations, gradient: ParameterBuffer, _ context: PassContext) {
    var d = dOut
    let projectsFirst = configuration.projectsEmbeddingsFirst
    if !projectsFirst, let projection = slots.embeddingsProjection, let unprojected = activations.unprojected {
      d = context.arena.matrix(dOut.rows, configuration.embeddingWidth)
      // out = unprojected·W + b
      context.linearBackward(dInput: d, dOut: dOut, input: unprojected, projection, gradient)
    }
    // normalized = dropout(LayerNorm(sum))
    drop(d, context)
    context.layerNormBackward(d: d, sum: activations.sum, slots.embeddingsNorm, gradient, activations.statistics)
    if projectsFirst, let projection = slots.embeddingsProjection, let unprojected = activations.unprojected {
      let dProjected = d
      d = context.arena.matrix(dOut.rows, configuration.embeddingWidth)
      // projected = sum·W
      context.linearBackward(dInput: d, dOut: dProjected, input: unprojected, projection, gradient)
    }
    // sum = word[token] + position[i] + type[segment]
    let batch = context.batch
    let dWord = gradient[slots.wordEmbeddings]
    let dPosition = slots.positionEmbeddings.map { gradient[$0] }
    let dType = slots.typeEmbeddings.map { gradient[$0] }
    forEachToken(of: batch) { index, positionRow in
      let row = d.rows(index..<index + 1)
      add(row, to: dWord.rows(at: batch.tokens[index]))
      if let dPosition { add(row, to: dPosition.rows(at: positionRow)) }
      if let dType { add(row, to: dType.rows(at: batch.types[index])) }
    }
  }

  private func drop(_ x: Matrix, _ context: PassContext) {
    OutputRows.all.dropout(
      x, rate: configuration.embeddingsDropout ?? configuration.hiddenDropout, site: DropoutSite.embeddings, context)
  }

  /// Calls `body` with each token's index in the batch and its row of the table of positions.
  private func forEachToken(of batch: Batch, _ body: (_ index: Int, _ positionRow: Int32) -> Void) {
    var padding: Int32?
    if case .behindPadding(let id) = configuration.positions { padding = Int32(id) }
    for sentence in 0..<batch.sentences {
      var next = Int32(configuration.positions.first)
      for index in batch.starts[sentence]..<batch.starts[sentence + 1] {
        if let padding, batch.tokens[index] == padding {
          body(index, padding)
        } else {
          body(index, next)
          next += 1
        }
      }
    }
  }
}

extension Matrix {
  fileprivate func rows(at index: Int32) -> Matrix { rows(Int(index)..<Int(index) + 1) }
}
