import Kernels
import Text

/// Multi-head self-attention within each sentence of a packed batch:
/// context = dropout(softmax(Q·Kᵀ/√headSize))·V, head by head.
struct SelfAttention {
  let configuration: EncoderConfiguration
  /// From 0.
  let layer: Int

  private var heads: Int { configuration.heads }
  private var headSize: Int { configuration.headSize }
  private var scale: Float { 1 / Float(headSize).squareRoot() }
  /// Whether a head's columns can be read and written in place as a tile.
  private var headsAreTiles: Bool { tileStride(headSize) == headSize }

  private func columns(_ part: Int, _ head: Int) -> Range<Int> {
    let start = part * configuration.hiddenSize + head * headSize
    return start..<start + headSize
  }

  /// The head's columns as the right side of a tile product: in place where they are whole vectors.
  private func tile(_ view: Matrix, in scratch: Matrix) -> Matrix {
    if headsAreTiles { return view }
    gatherTile(scratch, from: view)
    return scratch
  }

  /// Where a tile product writes a head's columns.
  private func product(
    into view: Matrix, _ a: Matrix, _ transposeA: Transpose, _ b: Matrix, scale: Float = 1, scratch: Matrix
  ) {
    let target = headsAreTiles ? view : scratch
    tileProduct(target, a, transposeA, b, scale: scale)
    if !headsAreTiles { view.copy(from: target) }
  }

  /// context: (tokens, hidden), qkv: (tokens, 3·hidden). Probabilities are kept for the backward pass, scores where
  /// a tap asks for them.
  func forward(
    context out: Matrix, qkv: Matrix, probabilities: AttentionMaps?, scores: AttentionMaps?, _ context: PassContext
  ) {
    let arena = context.arena
    for sentence in 0..<context.batch.sentences {
      let mark = arena.mark
      defer { arena.reset(to: mark) }
      let range = context.batch.starts[sentence]..<context.batch.starts[sentence + 1]
      let rows = qkv.rows(range)
      let keys = arena.tile(headSize, range.count)
      let scratch = arena.tile(range.count, headSize)
      let product = arena.tile(range.count, headSize)
      let weights = arena.tile(range.count, range.count)
      for head in 0..<heads {
        // scores = Q·Kᵀ·scale: (length, length)
        let p = probabilities?.map(sentence: sentence, head: head) ?? weights
        let s = scores?.map(sentence: sentence, head: head) ?? p
        transposeTile(keys, from: rows.columns(columns(1, head)))
        tileProduct(s, rows.columns(columns(0, head)), .no, keys, scale: scale)
        softmaxForward(out: p, scores: s)
        let dropped = droppedProbabilities(p, scratch: weights, sentence, head, context)
        self.product(
          into: out.rows(range).columns(columns(0, head)), dropped, .no,
          tile(rows.columns(columns(2, head)), in: scratch), scratch: product)
      }
    }
  }

  /// Adds nothing: dQKV (tokens, 3·hidden) is overwritten. dContext: (tokens, hidden).
  func backward(
    dQKV: Matrix, dContext: Matrix, qkv: Matrix, probabilities: AttentionMaps, dScores: AttentionMaps?,
    _ context: PassContext
  ) {
    let arena = context.arena
    for sentence in 0..<context.batch.sentences {
      let mark = arena.mark
      defer { arena.reset(to: mark) }
      let range = context.batch.starts[sentence]..<context.batch.starts[sentence + 1]
      let rows = qkv.rows(range)
      let dRows = dQKV.rows(range)
      let values = arena.tile(headSize, range.count)
      let scratch = arena.tile(range.count, headSize)
      let product = arena.tile(range.count, headSize)
      let weights = arena.tile(range.count, range.count)
      let dS = arena.tile(range.count, range.count)
      for head in 0..<heads {
        let dOut = dContext.rows(range).columns(columns(0, head))
        let p = probabilities.map(sentence: sentence, head: head)
        let dropped = droppedProbabilities(p, scratch: weights, sentence, head, context)
        // context = dropped·V
        self.product(
          into: dRows.columns(columns(2, head)), dropped, .yes, tile(dOut, in: scratch), scratch: product)
        transposeTile(values, from: rows.columns(columns(2, head)))
        tileProduct(dS, dOut, .no, values)
        // dropped = dropout(p), p = softmax(scores)
        dropProbabilities(dS, sentence, head, context)
        softmaxBackward(d: dS, probabilities: p)
        if let tap = dScores?.map(sentence: sentence, head: head) { add(tap, to: dS) }
        // scores = Q·Kᵀ·scale
        self.product(
          into: dRows.columns(columns(0, head)), dS, .no, tile(rows.columns(columns(1, head)), in: scratch),
          scale: scale, scratch: product)
        self.product(
          into: dRows.columns(columns(1, head)), dS, .yes, tile(rows.columns(columns(0, head)), in: scratch),
          scale: scale, scratch: product)
      }
    }
  }

  /// dropout(p), in `scratch` unless there is no dropout (or p is the scratch itself).
  private func droppedProbabilities(
    _ p: Matrix, scratch: Matrix, _ sentence: Int, _ head: Int, _ context: PassContext
  ) -> Matrix {
    guard context.dropoutKey != nil, configuration.attentionDropout > 0 else { return p }
    if scratch.base != p.base {
      scratch.base.update(from: p.base, count: p.rows * p.stride)
    }
    dropProbabilities(scratch, sentence, head, context)
    return scratch
  }

  private func dropProbabilities(_ p: Matrix, _ sentence: Int, _ head: Int, _ context: PassContext) {
    guard let key = context.dropoutKey else { return }
    dropout(
      Matrix(base: p.base, rows: p.rows, columns: p.stride), rate: configuration.attentionDropout, key: key,
      sample: context.batch.samples[sentence], site: DropoutSite.attentionProbabilities(layer: layer, head: head))
  }
}
