import Kernels

/// The floats that a worker's arena holds for one micro-batch. Follows the allocations of `Encoder` and of the adaptors
/// one by one: whoever changes those changes this, and a test compares them.
package struct ActivationMemory {
  private let text: TextFigures

  package init(_ text: TextFigures) { self.text = text }

  private func matrix(_ rows: Double, _ columns: Int) -> Double { rows * Double(columns) }

  /// Probabilities of a layer, from 1: of windows bands only.
  private func maps(_ configuration: EncoderConfiguration, layer: Int) -> Double {
    let banded = configuration.reach(ofLayer: layer - 1).map {
      text.tokens * Double(tileStride(AttentionBand.width(length: text.longest, reach: $0)))
    }
    return Double(configuration.heads) * min(text.mapElements, banded ?? .infinity)
  }

  /// What taps of some kinds hold.
  private func numbers(
    _ taps: TapSelection, _ configuration: EncoderConfiguration, of kinds: (Tap.Kind) -> Bool
  ) -> Double {
    taps.inOrder.filter { kinds($0.kind) }.reduce(0) {
      $0 + $1.shape(in: configuration).count(text, padded: true)
    }
  }

  private func rows(_ output: OutputRows?) -> Double {
    switch output {
    case .all: text.tokens
    case .first: text.sentences
    case nil: 0
    }
  }

  private func projections(_ need: QKV.Need, _ configuration: EncoderConfiguration) -> Double {
    let width = configuration.hiddenSize
    return need.parts.reduce(0) { $0 + matrix(rows($1.rows), width) }
  }

  /// The embeddings' sum, and what a linear map reads or writes of them; what a pass's layers share of positions.
  private func embeddings(_ configuration: EncoderConfiguration) -> Double {
    let (width, embeddingWidth) = (configuration.hiddenSize, configuration.embeddingWidth)
    let projected = embeddingWidth == width ? 0 : configuration.projectsEmbeddingsFirst ? width : embeddingWidth
    var shared = 0.0
    if case .rotary = configuration.attentionPositions {
      shared = matrix(Double(text.longest), 2 * configuration.headSize)
    }
    if configuration.disentanglement?.normalizesTable ?? false { shared = positionTable(configuration) }
    return matrix(text.tokens, embeddingWidth + projected) + shared
  }

  /// The rows of the table of relative positions that are in use, by the layers' width.
  private func positionTable(_ configuration: EncoderConfiguration) -> Double {
    matrix(Double(configuration.positionRows(length: text.longest)), configuration.hiddenSize)
  }

  /// What lies before a layer's projections or beside them: the norm of its input, copies of what is turned, and
  /// positions' own projections, each also transposed.
  private func input(_ layer: Int, _ taps: TapSelection, _ configuration: EncoderConfiguration, trains: Bool) -> Double
  {
    let width = configuration.hiddenSize
    var count = configuration.normPlace == .beforeBlocks && layer > 1 ? matrix(text.tokens, width) : 0
    if case .rotary = configuration.attentionPositions, taps.readsProjections(at: layer) {
      count += matrix(text.tokens, 2 * width)
    }
    if let own = configuration.disentanglement {
      let parts = (own.contentToPosition ? 3 : 0) + (own.positionToContent ? 2 : 0) + (trains ? 1 : 0)
      count += Double(parts) * positionTable(configuration)
    }
    return count
  }

  /// What lies behind a layer's projections: probabilities, context, sums, and the feed-forward's inner rows.
  private func output(_ rows: OutputRows?, _ configuration: EncoderConfiguration, layer: Int) -> Double {
    guard let rows else { return 0 }
    let count = self.rows(rows)
    let sums = configuration.normPlace == .beforeBlocks ? 3 : 4
    return maps(configuration, layer: layer) + matrix(count, sums * configuration.hiddenSize)
      + matrix(count, (configuration.isGated ? 3 : 2) * configuration.intermediateSize)
  }

  /// Without a backward pass: what stays until the arena is reset, and what is given back on the way.
  package func inference(_ configuration: EncoderConfiguration, taps: TapSelection) -> (kept: Double, most: Double) {
    let width = configuration.hiddenSize
    let depth = taps.depth(of: configuration)
    var kept = matrix(text.tokens, 2 * width) + embeddings(configuration)
    kept += numbers(taps, configuration) { $0 == .scores || $0 == .hidden }
    var most = kept
    for layer in stride(from: 1, through: depth, by: 1) {
      let work = taps.work(at: layer, of: configuration)
      if case .first = work.output { kept += matrix(text.sentences, width) }
      var temporary = output(work.output, configuration, layer: layer)
      temporary += input(layer, taps, configuration, trains: false)
      if taps.readsProjections(at: layer) {
        kept += projections(work.need, configuration)
      } else {
        temporary += projections(work.need, configuration)
      }
      most = max(most, kept + temporary)
    }
    if taps.readsHead { kept += head(configuration) }
    return (kept, max(kept, most))
  }

  /// Of a head for tokens; that of sentences is small.
  private func head(_ configuration: EncoderConfiguration) -> Double {
    guard configuration.headRows == .all else { return 0 }
    return matrix(
      text.tokens, configuration.labels.count + (configuration.hasHeadDense ? 3 : 0) * configuration.hiddenSize)
  }

  /// Forward and backward, with the gradients of the taps.
  ///
  /// - Parameter projected: the teacher's width, where an adaptor carries the student's states to it.
  package func training(_ configuration: EncoderConfiguration, taps: TapSelection, projected: Int?) -> Double {
    let width = configuration.hiddenSize
    let depth = taps.depth(of: configuration)
    var kept = matrix(text.tokens, width) + embeddings(configuration)
    var most = 0.0
    for layer in stride(from: 1, through: depth, by: 1) {
      let work = taps.work(at: layer, of: configuration)
      kept += matrix(rows(work.output), width) + projections(work.need, configuration)
      kept += output(work.output, configuration, layer: layer)
      kept += input(layer, taps, configuration, trains: true)
      var temporary = projections(work.need, configuration) + 4 * positionTable(configuration)
      if let output = work.output {
        let inner = (configuration.isGated ? 3 : 1) * configuration.intermediateSize
        temporary += matrix(rows(output), 2 * width) + matrix(rows(output), inner)
        if configuration.normPlace == .beforeBlocks {
          temporary += matrix(rows(output), width) + matrix(text.tokens, width)
          // The sum that the last norm reads.
          if layer == configuration.layers { kept += matrix(rows(output), width) }
        }
      }
      // The gradient of the input has memory of its own where it is of other rows than the output's.
      if case .all = work.output {} else { kept += matrix(text.tokens, width) }
      most = max(most, temporary)
    }
    // Scores, and the gradients of taps; all other taps are there anyway.
    kept += numbers(taps, configuration) { $0 == .scores } + numbers(taps, configuration) { !$0.isOfHead }
    // Logits, what they are made of, and the gradients of both.
    if taps.readsHead, configuration.headRows == .all {
      kept += 2 * head(configuration) + matrix(text.tokens, 3 * width)
    }
    if let projected { most = max(most, 2 * matrix(text.tokens, projected)) }
    return kept + most
  }
}
