import Kernels
import Text

/// One transformer layer, with its normalizations behind the residual sums as in BERT, or before its blocks:
///
///     h = LayerNorm(x + dropout(attention(x)·Wo)),  out = LayerNorm(h + dropout(feedForward(h)))
///     h = x + dropout(attention(LayerNorm(x))·Wo),  out = h + dropout(feedForward(LayerNorm(h)))
struct EncoderLayer {
  let configuration: EncoderConfiguration
  let slots: LayerSlots
  /// From 0.
  let index: Int

  private var feedForward: FeedForward { FeedForward(configuration: configuration, slots: slots, layer: index) }
  private var normalizesFirst: Bool { configuration.normPlace == .beforeBlocks }

  private func attention(_ disentangled: DisentangledScores?) -> SelfAttention {
    SelfAttention(configuration: configuration, layer: index, disentangled: disentangled)
  }

  /// What the backward pass needs.
  struct Activations {
    /// (tokens, hidden)
    let input: Matrix
    /// What attention reads: the input or its normalization. (tokens, hidden)
    let attentionInput: Matrix
    let inputStatistics: LayerNormStatistics?
    let qkv: QKV
    /// What attention multiplies: queries and keys may have been turned by their positions.
    let parts: SelfAttention.Projections
    let disentangled: DisentangledScores?
    let need: QKV.Need
    /// `nil` where the layer was run for taps on its scores or values only.
    let output: Output?
  }

  /// What happens behind queries, keys and values. (rows, hidden) each unless said otherwise, of all tokens or of each
  /// sentence's first.
  struct Output {
    let rows: OutputRows
    let probabilities: AttentionMaps
    let context: Matrix
    /// input + attention output, before LayerNorm.
    let attentionSum: Matrix
    let middleStatistics: LayerNormStatistics
    /// What the feed-forward reads: the sum's normalization.
    let middle: Matrix
    let feedForward: FeedForward.Activations
    /// middle + feed-forward output, before LayerNorm, where that is behind sums.
    let outputSum: Matrix
    let outputStatistics: LayerNormStatistics?
  }

  // MARK: Forward

  /// - Parameters:
  ///   - out: (rows, hidden); `nil` where only taps are wanted.
  ///   - input: (tokens, hidden)
  ///   - keepsProjections: whether `qkv` stays as it is computed, for a tap.
  func forward(
    out: Matrix?, rows: OutputRows, input: Matrix, qkv: QKV, need: QKV.Need, keepsProjections: Bool,
    scores: AttentionMaps?, _ context: PassContext
  ) -> Activations {
    var (attentionInput, inputStatistics) = (input, LayerNormStatistics?.none)
    if normalizesFirst, let norm = slots.attentionNorm {
      let statistics = LayerNormStatistics(rows: input.rows, arena: context.arena)
      attentionInput = context.arena.matrix(input.rows, input.columns)
      context.layerNorm(out: attentionInput, sum: input, residual: nil, norm, configuration, statistics)
      inputStatistics = statistics
    }
    qkv.forward(input: attentionInput, context)
    let rotated = turned(qkv.parts, need, copies: keepsProjections, context)
    let readsScores = out != nil || scores != nil
    let disentangled =
      readsScores ? DisentangledScores(configuration, slots: slots, layer: index, context) : nil
    var output: Output?
    if let out {
      var parts = rotated
      if rows == .first, need.queries == .all, scores == nil {
        // A tap is of all tokens' queries, of which only the first ones ask.
        parts.queries = rows.rows(of: parts.queries, context)
      }
      output = forwardOutput(
        out: out, rows: rows, input: input, parts, attention(disentangled), scores: scores, context)
    } else if let scores {
      attention(disentangled).scores(scores, queries: rotated.queries, keys: rotated.keys, context)
    }
    return Activations(
      input: input, attentionInput: attentionInput, inputStatistics: inputStatistics, qkv: qkv, parts: rotated,
      disentangled: disentangled, need: need, output: output)
  }

  private var rotationSight: LayerSight { configuration.reach(ofLayer: index) == nil ? .global : .local }

  /// Queries and keys turned by their positions, in place or in copies, where the family does that.
  private func turned(
    _ parts: SelfAttention.Projections, _ need: QKV.Need, copies: Bool, _ context: PassContext
  ) -> SelfAttention.Projections {
    guard let rotation = context.rotations[rotationSight] else { return parts }
    func turned(_ x: Matrix) -> Matrix {
      var out = x
      if copies {
        out = context.arena.matrix(x.rows, x.columns)
        out.copy(from: x)
      }
      for sentence in 0..<context.batch.sentences {
        let rows = out.rows(OutputRows.all.range(of: sentence, in: context.batch))
        rotaryForward(rows, heads: configuration.heads, rotation)
      }
      return out
    }
    // The first token's angle is 0.
    return SelfAttention.Projections(
      queries: need.queries == .all ? turned(parts.queries) : parts.queries,
      keys: need.keys ? turned(parts.keys) : parts.keys, values: parts.values)
  }

  private func forwardOutput(
    out: Matrix, rows: OutputRows, input: Matrix, _ parts: SelfAttention.Projections, _ attention: SelfAttention,
    scores: AttentionMaps?, _ context: PassContext
  ) -> Output {
    let arena = context.arena
    let (count, width) = (rows.count(in: context.batch), configuration.hiddenSize)
    let probabilities = AttentionMaps(
      context.batch, heads: configuration.heads, reach: attention.reach, arena: arena)
    let attended = arena.matrix(count, width)
    attention.forward(
      context: attended, parts, rows: rows, probabilities: probabilities, scores: scores, context)

    let attentionSum = arena.matrix(count, width)
    let middleStatistics = LayerNormStatistics(rows: count, arena: arena)
    let middle = arena.matrix(count, width)
    context.linear(out: attentionSum, input: attended, slots.attentionOutput)
    dropAttentionOutput(attentionSum, rows, context)
    // The sum's norm is attention's behind sums, and the feed-forward's before blocks.
    if let norm = middleNorm {
      context.layerNorm(
        out: middle, sum: attentionSum, residual: rows.rows(of: input, context), norm, configuration, middleStatistics)
    }

    let outputSum = normalizesFirst ? out : arena.matrix(count, width)
    let feedForwardActivations = feedForward.forward(out: outputSum, input: middle, rows, context)
    dropOutput(outputSum, rows, context)
    var outputStatistics: LayerNormStatistics?
    if normalizesFirst {
      add(attentionSum, to: out)
    } else {
      let statistics = LayerNormStatistics(rows: count, arena: arena)
      context.layerNorm(out: out, sum: outputSum, residual: middle, slots.outputNorm, configuration, statistics)
      outputStatistics = statistics
    }
    return Output(
      rows: rows, probabilities: probabilities, context: attended, attentionSum: attentionSum,
      middleStatistics: middleStatistics, middle: middle, feedForward: feedForwardActivations,
      outputSum: outputSum, outputStatistics: outputStatistics)
  }

  private var middleNorm: NormSlots? { normalizesFirst ? slots.outputNorm : slots.attentionNorm }

  private func dropAttentionOutput(_ x: Matrix, _ rows: OutputRows, _ context: PassContext) {
    let rate: Float =
      switch configuration.dropoutPlaces {
      case .outputs: configuration.hiddenDropout
      case .feedForwardOutput: 0
      case .attentionOutputAndInnerStates: configuration.attentionDropout
      }
    rows.dropout(x, rate: rate, site: DropoutSite.attentionOutput(layer: index), context)
  }

  private func dropOutput(_ x: Matrix, _ rows: OutputRows, _ context: PassContext) {
    guard configuration.dropoutPlaces != .attentionOutputAndInnerStates else { return }
    rows.dropout(x, rate: configuration.hiddenDropout, site: DropoutSite.output(layer: index), context)
  }

  // MARK: Backward

  /// Returns the gradient of the input (tokens, hidden), given that of the output, which is used up.
  ///
  /// - Parameters:
  ///   - d: (rows, hidden); `nil` where no loss reaches the output.
  ///   - dTaps: what reaches the layer besides.
  func backward(
    d: Matrix?, _ activations: Activations, _ dTaps: TapGradients, gradient: ParameterBuffer, _ context: PassContext
  ) -> Matrix {
    let arena = context.arena
    // Where the output is that of all tokens, its gradient's memory becomes the input's.
    let inPlace = activations.output?.rows == .all ? d : nil
    let dInput = inPlace ?? arena.zeros(activations.input.rows, configuration.hiddenSize)
    let mark = arena.mark
    defer { arena.reset(to: mark) }
    let dQKV = QKV(activations.need, slots: slots.qkv, context)
    let attention = attention(activations.disentangled)
    let dPositions = activations.disentangled?.makeGradient(arena: arena)
    if let d, let output = activations.output {
      let dContext = backwardOutput(d: d, output, gradient: gradient, context)
      if inPlace == nil { output.rows.add(d, to: dInput, context) }
      var dScores = dTaps[.scores(index + 1)]?.maps
      if dScores == nil, output.rows == .first, activations.need.queries == .all {
        // A tap is of all tokens: of scores, queries that did not ask have a gradient of zero.
        dScores = AttentionMaps(context.batch, heads: configuration.heads, arena: arena)
        dScores?.fill(0)
      }
      // context = attention(qkv)
      attention.backward(
        d: dQKV.parts, dContext: dContext, activations.parts, rows: output.rows,
        probabilities: output.probabilities, dScores: dScores, dPositions: dPositions, context)
    } else {
      dQKV.fill(0)
      if let dScores = dTaps[.scores(index + 1)]?.maps {
        attention.backward(d: dQKV.parts, dScores: dScores, activations.parts, dPositions: dPositions, context)
      }
    }
    if let dPositions, let dTable = context.dRelativePositions {
      activations.disentangled?.finish(dPositions, dTable: dTable, parameters: gradient, context)
    }
    turnBack(dQKV.parts, activations.need, context)
    for kind in Tap.Kind.projections {
      if let d = dTaps[Tap(kind, layer: index + 1)]?.matrix { add(d, to: dQKV.parts[kind]) }
    }
    // qkv = attentionInput·Wqkv + bqkv
    if let statistics = activations.inputStatistics, let norm = slots.attentionNorm {
      let dAttentionInput = arena.zeros(dInput.rows, dInput.columns)
      activations.qkv.backward(
        dQKV, dInput: dAttentionInput, input: activations.attentionInput, gradient: gradient, context)
      // attentionInput = LayerNorm(input)
      context.layerNormBackward(d: dAttentionInput, sum: activations.input, norm, gradient, statistics)
      add(dAttentionInput, to: dInput)
    } else {
      activations.qkv.backward(
        dQKV, dInput: dInput, input: activations.attentionInput, gradient: gradient, context)
    }
    return dInput
  }

  /// Turns gradients of turned queries and keys into those of the projections. Forward: `turned`
  private func turnBack(_ d: SelfAttention.Projections, _ need: QKV.Need, _ context: PassContext) {
    guard let rotation = context.rotations[rotationSight] else { return }
    for sentence in 0..<context.batch.sentences {
      let rows = OutputRows.all.range(of: sentence, in: context.batch)
      if need.queries == .all { rotaryBackward(d.queries.rows(rows), heads: configuration.heads, rotation) }
      if need.keys { rotaryBackward(d.keys.rows(rows), heads: configuration.heads, rotation) }
    }
  }

  /// Turns the gradient of `out` in `d` into that of the residual input, in place, and returns that of the attention's
  /// context. (rows, hidden) each
  private func backwardOutput(
    d: Matrix, _ output: Output, gradient: ParameterBuffer, _ context: PassContext
  ) -> Matrix {
    let arena = context.arena
    let branch = arena.matrix(d.rows, d.columns)
    if let statistics = output.outputStatistics {
      // out = LayerNorm(middle + dropout(feedForward(middle))); d becomes the gradient of the sum, and so of middle
      context.layerNormBackward(d: d, sum: output.outputSum, slots.outputNorm, gradient, statistics)
      branch.copy(from: d)
      dropOutput(branch, output.rows, context)
      feedForward.backward(
        dInput: d, dOut: branch, input: output.middle, output.feedForward, output.rows, gradient, context)
      // middle = LayerNorm(attentionSum)
      if let norm = middleNorm {
        context.layerNormBackward(d: d, sum: output.attentionSum, norm, gradient, output.middleStatistics)
      }
    } else if let norm = middleNorm {
      // out = attentionSum + dropout(feedForward(middle)), middle = LayerNorm(attentionSum)
      branch.copy(from: d)
      dropOutput(branch, output.rows, context)
      let dMiddle = arena.zeros(d.rows, d.columns)
      feedForward.backward(
        dInput: dMiddle, dOut: branch, input: output.middle, output.feedForward, output.rows, gradient, context)
      context.layerNormBackward(d: dMiddle, sum: output.attentionSum, norm, gradient, output.middleStatistics)
      add(dMiddle, to: d)
    }
    // attentionSum = input + dropout(context·Wo + bo)
    branch.copy(from: d)
    dropAttentionOutput(branch, output.rows, context)
    let dContext = arena.matrix(d.rows, d.columns)
    context.linearBackward(
      dInput: dContext, dOut: branch, input: output.context, slots.attentionOutput, gradient)
    return dContext
  }
}
