import Kernels
import Text

/// Multi-head self-attention within each sentence of a packed batch:
/// context = dropout(softmax(Q·Kᵀ/√headSize + positions))·V, head by head.
struct SelfAttention {
  let configuration: EncoderConfiguration
  /// From 0.
  let layer: Int
  /// What scores get for relative positions, where they do.
  let disentangled: DisentangledScores?

  var heads: Int { configuration.heads }
  var headSize: Int { configuration.headSize }
  var scale: Float { 1 / Float(headSize * (configuration.disentanglement?.terms ?? 1)).squareRoot() }
  /// How far a token sees; `nil` for everywhere.
  var reach: Int? { configuration.reach(ofLayer: layer) }
  /// Whether a head's columns can be read and written in place as a tile.
  private var headsAreTiles: Bool { tileStride(headSize) == headSize }

  /// Queries, keys and values, or their gradients, of all heads side by side.
  struct Projections {
    /// (tokens, hidden), or (sentences, hidden) where only first tokens ask.
    var queries: Matrix
    /// (tokens, hidden)
    let keys: Matrix
    /// (tokens, hidden)
    let values: Matrix

    /// What a tap sees.
    subscript(kind: Tap.Kind) -> Matrix {
      switch kind {
      case .queries: queries
      case .keys: keys
      case .values: values
      default: preconditionFailure("\(kind) is no projection")
      }
    }
  }

  func columns(_ head: Int) -> Range<Int> { head * headSize..<(head + 1) * headSize }

  /// The head's columns as the right side of a tile product: in place where they are whole vectors.
  func tile(_ view: Matrix, in scratch: Matrix) -> Matrix {
    if headsAreTiles { return view }
    let rows = scratch.rows(0..<view.rows)
    gatherTile(rows, from: view)
    return rows
  }

  /// Writes a tile product to a head's columns.
  func product(
    into view: Matrix, _ a: Matrix, _ transposeA: Transpose, _ b: Matrix, scale: Float = 1, accumulate: Bool = false,
    scratch: Matrix
  ) {
    let target = headsAreTiles ? view : scratch.rows(0..<view.rows)
    tileProduct(target, a, transposeA, b, scale: scale, accumulate: accumulate && headsAreTiles)
    if headsAreTiles { return }
    if accumulate { add(target, to: view) } else { view.copy(from: target) }
  }

  /// Scores alone, where nothing above them is wanted. Shapes as in `Projections`, for all tokens.
  func scores(_ scores: AttentionMaps, queries: Matrix, keys: Matrix, _ context: PassContext) {
    for sentence in 0..<context.batch.sentences {
      let mark = context.arena.mark
      defer { context.arena.reset(to: mark) }
      let range = context.batch.starts[sentence]..<context.batch.starts[sentence + 1]
      if isWindowed(length: range.count) {
        windowedScores(scores, queries: queries, keys: keys, sentence: sentence, context)
        continue
      }
      let transposed = context.arena.tile(headSize, range.count)
      for head in 0..<heads {
        let (own, others) = (queries.rows(range).columns(columns(head)), keys.rows(range).columns(columns(head)))
        transposeTile(transposed, from: others)
        let map = scores.map(sentence: sentence, head: head)
        tileProduct(map, own, .no, transposed, scale: scale)
        context.positionBias?.forward(map, head: head)
        disentangled?.forward(map, head: head, queries: own, keys: others, scale: scale, arena: context.arena)
      }
    }
  }

  /// - Parameters:
  ///   - out: the context of the rows that ask. (tokens or sentences, hidden)
  ///   - probabilities: kept for the backward pass; of a sentence's first row only, where `rows` says so.
  ///   - scores: kept for a tap, of all tokens; `queries` must then be of all tokens.
  func forward(
    context out: Matrix, _ input: Projections, rows: OutputRows, probabilities: AttentionMaps,
    scores: AttentionMaps?, _ context: PassContext
  ) {
    for sentence in 0..<context.batch.sentences {
      let range = context.batch.starts[sentence]..<context.batch.starts[sentence + 1]
      let asking = rows.range(of: sentence, in: context.batch)
      if isWindowed(length: range.count) {
        windowedForward(
          context: out, input, sentence: sentence, rows: rows, probabilities: probabilities, scores: scores, context)
        continue
      }
      context.share(0..<heads) { heads, arena in
        let mark = arena.mark
        defer { arena.reset(to: mark) }
        let keys = arena.tile(headSize, range.count)
        let scratch = arena.tile(range.count, headSize)
        let product = arena.tile(range.count, headSize)
        let weights = arena.tile(range.count, range.count)
        for head in heads {
          // scores = Q·Kᵀ·scale + bias: (asking or all, length)
          transposeTile(keys, from: input.keys.rows(range).columns(columns(head)))
          let p = probabilities.map(sentence: sentence, head: head).rows(0..<asking.count)
          let s = scores?.map(sentence: sentence, head: head) ?? p
          let queries = input.queries.rows(scores == nil ? asking : range).columns(columns(head))
          tileProduct(s, queries, .no, keys, scale: scale)
          context.positionBias?.forward(s, head: head)
          disentangled?.forward(
            s, head: head, queries: queries, keys: input.keys.rows(range).columns(columns(head)), scale: scale,
            arena: arena)
          softmaxForward(out: p, scores: s.rows(0..<asking.count))
          let dropped = droppedProbabilities(p, scratch: weights, sentence, head, context)
          self.product(
            into: out.rows(asking).columns(columns(head)), dropped, .no,
            tile(input.values.rows(range).columns(columns(head)), in: scratch), scratch: product)
        }
      }
    }
  }

  /// The gradients of `forward`'s input, which are overwritten. Queries that did not ask get theirs from `dScores`.
  ///
  /// - Parameters:
  ///   - dContext: of the rows that asked. (tokens or sentences, hidden)
  ///   - dScores: a tap's gradient, of all tokens; `input.queries` is then of all tokens.
  func backward(
    d: Projections, dContext: Matrix, _ input: Projections, rows: OutputRows, probabilities: AttentionMaps,
    dScores: AttentionMaps?, dPositions: DisentangledScores.Gradient?, _ context: PassContext
  ) {
    let arena = context.arena
    for sentence in 0..<context.batch.sentences {
      let mark = arena.mark
      defer { arena.reset(to: mark) }
      let range = context.batch.starts[sentence]..<context.batch.starts[sentence + 1]
      let asking = rows.range(of: sentence, in: context.batch)
      if isWindowed(length: range.count) {
        windowedBackward(
          d: d, dContext: dContext, input, sentence: sentence, rows: rows, probabilities: probabilities,
          dScores: dScores, context)
        continue
      }
      let values = arena.tile(headSize, range.count)
      let scratch = arena.tile(range.count, headSize)
      let product = arena.tile(range.count, headSize)
      let weights = arena.tile(range.count, range.count)
      let own = arena.tile(range.count, range.count).rows(0..<asking.count)
      for head in 0..<heads {
        let columns = columns(head)
        let dOut = dContext.rows(asking).columns(columns)
        let p = probabilities.map(sentence: sentence, head: head).rows(0..<asking.count)
        let dropped = droppedProbabilities(p, scratch: weights, sentence, head, context)
        // context = dropped·V
        self.product(
          into: d.values.rows(range).columns(columns), dropped, .yes, tile(dOut, in: scratch), scratch: product)
        transposeTile(values, from: input.values.rows(range).columns(columns))
        tileProduct(own, dOut, .no, values)
        // dropped = dropout(p), p = softmax(scores)
        dropProbabilities(own, sentence, head, context)
        softmaxBackward(d: own, probabilities: p)
        var dS = own
        if let tap = dScores?.map(sentence: sentence, head: head) {
          // The tap's gradient is used up here, so the rest may be added to it.
          add(own, to: tap.rows(0..<asking.count))
          dS = tap
        }
        let queries = dScores == nil ? asking : range
        scoresBackward(
          d: d, dS: dS, input, queries: queries, keys: range, columns, scratch: scratch, product: product)
        positionsBackward(d: d, dS: dS, input, queries: queries, keys: range, head, dPositions, context)
      }
    }
  }

  /// The gradients of queries and keys where scores are all that was computed.
  func backward(
    d: Projections, dScores: AttentionMaps, _ input: Projections, dPositions: DisentangledScores.Gradient?,
    _ context: PassContext
  ) {
    for sentence in 0..<context.batch.sentences {
      let mark = context.arena.mark
      defer { context.arena.reset(to: mark) }
      let range = context.batch.starts[sentence]..<context.batch.starts[sentence + 1]
      if isWindowed(length: range.count) {
        windowedBackward(
          d: d, dContext: nil, input, sentence: sentence, rows: .all, probabilities: nil, dScores: dScores, context)
        continue
      }
      let scratch = context.arena.tile(range.count, headSize)
      let product = context.arena.tile(range.count, headSize)
      for head in 0..<heads {
        let dS = dScores.map(sentence: sentence, head: head)
        scoresBackward(
          d: d, dS: dS, input, queries: range, keys: range, columns(head), scratch: scratch, product: product)
        positionsBackward(d: d, dS: dS, input, queries: range, keys: range, head, dPositions, context)
      }
    }
  }

  /// Forward: scores = Q·Kᵀ·scale, one sentence and head.
  private func scoresBackward(
    d: Projections, dS: Matrix, _ input: Projections, queries: Range<Int>, keys: Range<Int>, _ columns: Range<Int>,
    scratch: Matrix, product: Matrix
  ) {
    self.product(
      into: d.queries.rows(queries).columns(columns), dS, .no,
      tile(input.keys.rows(keys).columns(columns), in: scratch), scale: scale, scratch: product)
    self.product(
      into: d.keys.rows(keys).columns(columns), dS, .yes,
      tile(input.queries.rows(queries).columns(columns), in: scratch), scale: scale, scratch: product)
  }

  /// Adds to the gradients of queries, keys and positions. Forward: scores += what positions give, one sentence and head.
  private func positionsBackward(
    d: Projections, dS: Matrix, _ input: Projections, queries: Range<Int>, keys: Range<Int>, _ head: Int,
    _ dPositions: DisentangledScores.Gradient?, _ context: PassContext
  ) {
    context.dPositionBias?.backward(dS, head: head)
    guard let disentangled, let dPositions else { return }
    let columns = columns(head)
    disentangled.backward(
      dPositions, dScores: dS, head: head, queries: input.queries.rows(queries).columns(columns),
      keys: input.keys.rows(keys).columns(columns), dQueries: d.queries.rows(queries).columns(columns),
      dKeys: d.keys.rows(keys).columns(columns), scale: scale, arena: context.arena)
  }

  /// dropout(p), in `scratch` unless there is no dropout.
  func droppedProbabilities(
    _ p: Matrix, scratch: Matrix, _ sentence: Int, _ head: Int, part: Int = 0, _ context: PassContext
  ) -> Matrix {
    guard context.dropoutKey != nil, configuration.attentionDropout > 0 else { return p }
    scratch.base.update(from: p.base, count: p.rows * p.stride)
    let dropped = Matrix(base: scratch.base, rows: p.rows, columns: p.columns, stride: p.stride)
    dropProbabilities(dropped, sentence, head, part: part, context)
    return dropped
  }

  func dropProbabilities(_ p: Matrix, _ sentence: Int, _ head: Int, part: Int = 0, _ context: PassContext) {
    guard let key = context.dropoutKey else { return }
    dropout(
      Matrix(base: p.base, rows: p.rows, columns: p.stride), rate: configuration.attentionDropout, key: key,
      sample: context.batch.samples[sentence], site: DropoutSite.attentionProbabilities(layer: layer, head: head),
      part: part)
  }
}
