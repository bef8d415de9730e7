import Kernels
import Text

/// out = dropout(LayerNorm(word[token] + position[i] + type[segment])).
struct Embeddings {
  let slots: EncoderParameters
  let configuration: EncoderConfiguration

  /// What the backward pass needs.
  struct Activations {
    /// The three embeddings' sum, before LayerNorm. (tokens, hidden)
    let sum: Matrix
    let statistics: LayerNormStatistics
  }

  func forward(out: Matrix, _ context: PassContext) -> Activations {
    let batch = context.batch
    let width = configuration.hiddenSize
    let word = context.weights[slots.wordEmbeddings]
    let position = context.weights[slots.positionEmbeddings]
    let type = context.weights[slots.typeEmbeddings]
    let sum = context.arena.matrix(out.rows, width)
    for sentence in 0..<batch.sentences {
      let start = batch.starts[sentence]
      for index in start..<batch.starts[sentence + 1] {
        let row = sum.rows(index..<index + 1)
        row.copy(from: word.rows(at: batch.tokens[index]))
        add(position.rows(at: Int32(index - start)), to: row)
        add(type.rows(at: batch.types[index]), to: row)
      }
    }
    let statistics = LayerNormStatistics(rows: out.rows, arena: context.arena)
    layerNormForward(
      out: out, sum: sum, residual: nil, gamma: context.weights[slots.embeddingsNorm.weight],
      beta: context.weights[slots.embeddingsNorm.bias], eps: configuration.layerNormEps, statistics: statistics)
    OutputRows.all.dropout(out, rate: configuration.hiddenDropout, site: DropoutSite.embeddings, context)
    return Activations(sum: sum, statistics: statistics)
  }

  /// `d` is the gradient of `out`, and is used up.
  func backward(d: Matrix, _ activations: Activations, gradient: ParameterBuffer, _ context: PassContext) {
    // out = dropout(LayerNorm(sum))
    OutputRows.all.dropout(d, rate: configuration.hiddenDropout, site: DropoutSite.embeddings, context)
    layerNormBackward(
      d: d, sum: activations.sum, gamma: context.weights[slots.embeddingsNorm.weight],
      dGamma: gradient[slots.embeddingsNorm.weight], dBeta: gradient[slots.embeddingsNorm.bias],
      statistics: activations.statistics)
    // sum = word[token] + position[i] + type[segment]
    let batch = context.batch
    let dWord = gradient[slots.wordEmbeddings]
    let dPosition = gradient[slots.positionEmbeddings]
    let dType = gradient[slots.typeEmbeddings]
    for sentence in 0..<batch.sentences {
      let start = batch.starts[sentence]
      for index in start..<batch.starts[sentence + 1] {
        let row = d.rows(index..<index + 1)
        add(row, to: dWord.rows(at: batch.tokens[index]))
        add(row, to: dPosition.rows(at: Int32(index - start)))
        add(row, to: dType.rows(at: batch.types[index]))
      }
    }
  }
}

extension Matrix {
  fileprivate func rows(at index: Int32) -> Matrix { rows(Int(index)..<Int(index) + 1) }
}
