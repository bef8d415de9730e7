import Kernels
import Text

/// One transformer layer with its normalizations after the residual sums, as in BERT:
///
///     h = LayerNorm(x + dropout(attention(x)·Wo)),  out = LayerNorm(h + dropout(feedForward(h)))
struct EncoderLayer {
  let configuration: EncoderConfiguration
  let slots: LayerSlots
  /// From 0.
  let index: Int

  private var attention: SelfAttention { SelfAttention(configuration: configuration, layer: index) }
  private var feedForward: FeedForward { FeedForward(configuration: configuration, slots: slots) }

  /// What the backward pass needs.
  struct Activations {
    /// (tokens, hidden)
    let input: Matrix
    let qkv: QKV
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
    let attentionStatistics: LayerNormStatistics
    let middle: Matrix
    let feedForward: FeedForward.Activations
    /// middle + feed-forward output, before LayerNorm.
    let outputSum: Matrix
    let outputStatistics: LayerNormStatistics
  }

  // MARK: Forward

  /// - Parameters:
  ///   - out: (rows, hidden); `nil` where only taps are wanted.
  ///   - input: (tokens, hidden)
  func forward(
    out: Matrix?, rows: OutputRows, input: Matrix, qkv: QKV, need: QKV.Need, scores: AttentionMaps?,
    _ context: PassContext
  ) -> Activations {
    qkv.forward(input: input, context)
    guard let out else {
      if let scores { attention.scores(scores, queries: qkv.parts.queries, keys: qkv.parts.keys, context) }
      return Activations(input: input, qkv: qkv, need: need, output: nil)
    }
    var parts = qkv.parts
    if rows == .first, need.queries == .all, scores == nil {
      // A tap is of all tokens' queries, of which only the first ones ask.
      parts.queries = rows.rows(of: parts.queries, context)
    }
    let output = forwardOutput(out: out, rows: rows, input: input, parts, scores: scores, context)
    return Activations(input: input, qkv: qkv, need: need, output: output)
  }

  private func forwardOutput(
    out: Matrix, rows: OutputRows, input: Matrix, _ parts: SelfAttention.Projections, scores: AttentionMaps?,
    _ context: PassContext
  ) -> Output {
    let arena = context.arena
    let (count, width) = (rows.count(in: context.batch), configuration.hiddenSize)
    let probabilities = AttentionMaps(context.batch, heads: configuration.heads, arena: arena)
    let attended = arena.matrix(count, width)
    attention.forward(
      context: attended, parts, rows: rows, probabilities: probabilities, scores: scores, context)

    let attentionSum = arena.matrix(count, width)
    let attentionStatistics = LayerNormStatistics(rows: count, arena: arena)
    let middle = arena.matrix(count, width)
    context.linear(out: attentionSum, input: attended, slots.attentionOutput)
    dropAttentionOutput(attentionSum, rows, context)
    context.layerNorm(
      out: middle, sum: attentionSum, residual: rows.rows(of: input, context), slots.attentionNorm, configuration,
      attentionStatistics)

    let outputSum = arena.matrix(count, width)
    let outputStatistics = LayerNormStatistics(rows: count, arena: arena)
    let feedForwardActivations = feedForward.forward(out: outputSum, input: middle, context)
    rows.dropout(outputSum, rate: configuration.hiddenDropout, site: DropoutSite.output(layer: index), context)
    context.layerNorm(
      out: out, sum: outputSum, residual: middle, slots.outputNorm, configuration, outputStatistics)
    return Output(
      rows: rows, probabilities: probabilities, context: attended, attentionSum: attentionSum,
      attentionStatistics: attentionStatistics, middle: middle, feedForward: feedForwardActivations,
      outputSum: outputSum, outputStatistics: outputStatistics)
  }

  private func dropAttentionOutput(_ x: Matrix, _ rows: OutputRows, _ context: PassContext) {
    guard configuration.dropsAttentionOutput else { return }
    rows.dropout(x, rate: configuration.hiddenDropout, site: DropoutSite.attentionOutput(layer: index), context)
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
        d: dQKV.parts, dContext: dContext, activations.qkv.parts, rows: output.rows,
        probabilities: output.probabilities, dScores: dScores, context)
    } else {
      dQKV.fill(0)
      if let dScores = dTaps[.scores(index + 1)]?.maps {
        attention.backward(d: dQKV.parts, dScores: dScores, activations.qkv.parts, context)
      }
    }
    for kind in [Tap.Kind.queries, .keys, .values] {
      if let d = dTaps[Tap(kind, layer: index + 1)]?.matrix { add(d, to: dQKV.parts[kind]) }
    }
    // qkv = input·Wqkv + bqkv
    activations.qkv.backward(dQKV, dInput: dInput, input: activations.input, gradient: gradient, context)
    return dInput
  }

  /// Turns the gradient of `out` in `d` into that of the residual input, in place, and returns that of the attention's
  /// context. (rows, hidden) each
  private func backwardOutput(
    d: Matrix, _ output: Output, gradient: ParameterBuffer, _ context: PassContext
  ) -> Matrix {
    let arena = context.arena
    // out = LayerNorm(middle + dropout(feedForward(middle))); d becomes the gradient of the sum, and so of middle
    context.layerNormBackward(d: d, sum: output.outputSum, slots.outputNorm, gradient, output.outputStatistics)
    let branch = arena.matrix(d.rows, d.columns)
    branch.copy(from: d)
    output.rows.dropout(branch, rate: configuration.hiddenDropout, site: DropoutSite.output(layer: index), context)
    feedForward.backward(dInput: d, dOut: branch, input: output.middle, output.feedForward, gradient, context)

    // middle = LayerNorm(input + dropout(context·Wo + bo))
    context.layerNormBackward(d: d, sum: output.attentionSum, slots.attentionNorm, gradient, output.attentionStatistics)
    branch.copy(from: d)
    dropAttentionOutput(branch, output.rows, context)
    let dContext = arena.matrix(d.rows, d.columns)
    context.linearBackward(
      dInput: dContext, dOut: branch, input: output.context, slots.attentionOutput, gradient)
    return dContext
  }
}
