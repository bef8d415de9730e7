import Kernels
import Text

/// What a stage wants to see of a model, and so what its forward pass must keep. Layers count from 1; hidden state 0
/// is the embeddings' output.
package struct TapSelection: Sendable, Equatable {
  package var hidden: Set<Int> = []
  package var scores: Set<Int> = []
  package var values: Set<Int> = []
  package var logits = false

  package init() {}

  package mutating func formUnion(_ other: TapSelection) {
    hidden.formUnion(other.hidden)
    scores.formUnion(other.scores)
    values.formUnion(other.values)
    logits = logits || other.logits
  }

  /// The number of layers that must run.
  package func depth(of configuration: EncoderConfiguration) -> Int {
    logits ? configuration.layers : max(hidden.max() ?? 0, scores.max() ?? 0, values.max() ?? 0)
  }

  /// What a layer must do, of the `depth` that run. The highest one only does what its taps or the head read.
  func work(at layer: Int, depth: Int) -> (output: OutputRows?, need: QKV.Need) {
    if layer < depth || hidden.contains(layer) { return (.all, .everything) }
    let tapsScores = scores.contains(layer)
    if logits { return (.first, tapsScores ? .everything : .firstQueries) }
    if !tapsScores { return (nil, .values) }
    return (nil, values.contains(layer) ? .everything : .queriesAndKeys)
  }
}

/// One number for every head and every pair of tokens of the same sentence: attention scores, probabilities, or
/// their gradients. Rows are padded to whole vectors.
package struct AttentionMaps {
  private let base: UnsafeMutablePointer<Float>
  /// Where each sentence's maps start, with the total at the end. (sentences + 1)
  private let offsets: [Int]
  private let lengths: [Int]
  package let heads: Int

  package init(_ batch: Batch, heads: Int, arena: Arena) {
    var offsets = [0]
    lengths = (0..<batch.sentences).map(batch.length)
    for length in lengths { offsets.append(offsets[offsets.count - 1] + heads * length * tileStride(length)) }
    self.offsets = offsets
    self.heads = heads
    base = arena.allocate(offsets[offsets.count - 1])
  }

  package func fill(_ value: Float) { base.update(repeating: value, count: offsets[offsets.count - 1]) }

  /// (length, length) of one sentence and head; row: query, column: key.
  package func map(sentence: Int, head: Int) -> Matrix {
    let length = lengths[sentence]
    let stride = tileStride(length)
    return Matrix(
      base: base + offsets[sentence] + head * length * stride, rows: length, columns: length, stride: stride)
  }
}

/// What a forward pass was asked to keep. Memory belongs to the pass's arena.
package struct Taps {
  /// (sentences, classes)
  package internal(set) var logits: Matrix?
  /// By layer from 0. (tokens, hidden) each
  package internal(set) var hidden: [Int: Matrix] = [:]
  /// By layer from 1: attention scores before the softmax, scaled by 1/√headSize.
  package internal(set) var scores: [Int: AttentionMaps] = [:]
  /// By layer from 1: the value projection, heads side by side. (tokens, hidden) each
  package internal(set) var values: [Int: Matrix] = [:]

  /// Nothing kept.
  package init() {}

  /// Taps that do not come from a pass: read from where an earlier one's were kept.
  package init(
    logits: Matrix?, hidden: [Int: Matrix], scores: [Int: AttentionMaps], values: [Int: Matrix]
  ) {
    self.logits = logits
    self.hidden = hidden
    self.scores = scores
    self.values = values
  }
}

/// Gradients of a loss in a model's taps. Each starts as zeros when it is first asked for, and losses add to it.
package final class TapGradients {
  private let taps: Taps
  private let batch: Batch
  private let arena: Arena
  private(set) var dLogits: Matrix?
  private(set) var dHidden: [Int: Matrix] = [:]
  private(set) var dScores: [Int: AttentionMaps] = [:]
  private(set) var dValues: [Int: Matrix] = [:]

  package init(_ taps: Taps, batch: Batch, arena: Arena) {
    self.taps = taps
    self.batch = batch
    self.arena = arena
  }

  package func logits() -> Matrix { zeros(like: taps.logits!, in: &dLogits) }
  package func hidden(_ layer: Int) -> Matrix { zeros(like: taps.hidden[layer]!, in: &dHidden[layer]) }
  package func values(_ layer: Int) -> Matrix { zeros(like: taps.values[layer]!, in: &dValues[layer]) }

  package func scores(_ layer: Int) -> AttentionMaps {
    if let maps = dScores[layer] { return maps }
    let maps = AttentionMaps(batch, heads: taps.scores[layer]!.heads, arena: arena)
    maps.fill(0)
    dScores[layer] = maps
    return maps
  }

  /// The highest layer with a gradient; nothing above it needs a backward pass.
  var highestLayer: Int { max(dHidden.keys.max() ?? 0, dScores.keys.max() ?? 0, dValues.keys.max() ?? 0) }

  private func zeros(like tap: Matrix, in gradient: inout Matrix?) -> Matrix {
    if let gradient { return gradient }
    let matrix = arena.zeros(tap.rows, tap.columns)
    gradient = matrix
    return matrix
  }
}
