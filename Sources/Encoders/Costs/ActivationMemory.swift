/// The floats that a worker's arena holds for one micro-batch. Follows the allocations of `Encoder` and of the adaptors
/// one by one: whoever changes those changes this, and a test compares them.
package struct ActivationMemory {
  private let text: TextFigures

  package init(_ text: TextFigures) { self.text = text }

  private func matrix(_ rows: Double, _ columns: Int) -> Double { rows * Double(columns) }
  private func maps(_ configuration: EncoderConfiguration) -> Double { Double(configuration.heads) * text.mapElements }

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

  /// The embeddings' sum, and what a linear map reads of them.
  private func embeddings(_ configuration: EncoderConfiguration) -> Double {
    let parts = configuration.embeddingWidth == configuration.hiddenSize ? 1 : 2
    return matrix(text.tokens, parts * configuration.embeddingWidth)
  }

  /// What lies behind a layer's projections: probabilities, context, sums, and the feed-forward's inner rows.
  private func output(_ rows: OutputRows?, _ configuration: EncoderConfiguration) -> Double {
    guard let rows else { return 0 }
    let count = self.rows(rows)
    return maps(configuration) + matrix(count, 4 * configuration.hiddenSize)
      + matrix(count, 2 * configuration.intermediateSize)
  }

  /// Without a backward pass: what stays until the arena is reset, and what is given back on the way.
  package func inference(_ configuration: EncoderConfiguration, taps: TapSelection) -> (kept: Double, most: Double) {
    let width = configuration.hiddenSize
    let depth = taps.depth(of: configuration)
    var kept = matrix(text.tokens, 2 * width) + embeddings(configuration)
    kept += numbers(taps, configuration) { $0 == .scores || $0 == .hidden }
    var most = kept
    for layer in stride(from: 1, through: depth, by: 1) {
      let work = taps.work(at: layer, depth: depth)
      if case .first = work.output { kept += matrix(text.sentences, width) }
      var temporary = output(work.output, configuration)
      if taps.readsProjections(at: layer) {
        kept += projections(work.need, configuration)
      } else {
        temporary += projections(work.need, configuration)
      }
      most = max(most, kept + temporary)
    }
    return (kept, most)
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
      let work = taps.work(at: layer, depth: depth)
      kept += matrix(rows(work.output), width) + projections(work.need, configuration)
      kept += output(work.output, configuration)
      var temporary = projections(work.need, configuration)
      if let output = work.output {
        temporary += matrix(rows(output), 2 * width) + matrix(rows(output), configuration.intermediateSize)
      }
      // The gradient of the input has memory of its own where it is of other rows than the output's.
      if case .all = work.output {} else { kept += matrix(text.tokens, width) }
      most = max(most, temporary)
    }
    // Scores, and the gradients of taps; all other taps are there anyway.
    kept += numbers(taps, configuration) { $0 == .scores } + numbers(taps, configuration) { !$0.isOfHead }
    if let projected { most = max(most, 2 * matrix(text.tokens, projected)) }
    return kept + most
  }
}
