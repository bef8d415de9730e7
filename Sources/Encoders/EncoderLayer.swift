import Kernels
import Text

/// One transformer layer with its normalizations after the residual sums, as in BERT:
///
///     h = LayerNorm(x + dropout(attention(x)·Wo)),  out = LayerNorm(h + dropout(f(h·W1)·W2))
struct EncoderLayer {
  let configuration: EncoderConfiguration
  let slots: LayerSlots
  /// From 0.
  let index: Int

  private var attention: SelfAttention { SelfAttention(configuration: configuration, layer: index) }

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
    /// Before the activation function, and after it. (rows, inner)
    let preactivation: Matrix
    let inner: Matrix
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
    let weights = context.weights
    let (count, width) = (rows.count(in: context.batch), configuration.hiddenSize)
    let probabilities = AttentionMaps(context.batch, heads: configuration.heads, arena: arena)
    let attended = arena.matrix(count, width)
    attention.forward(
      context: attended, parts, rows: rows, probabilities: probabilities, scores: scores, context)

    let attentionSum = arena.matrix(count, width)
    let attentionStatistics = LayerNormStatistics(rows: count, arena: arena)
    let middle = arena.matrix(count, width)
    linearForward(
      out: attentionSum, input: attended, weight: context.weight(slots.attentionOutput.weight),
      bias: weights[slots.attentionOutput.bias], arena: arena)
    rows.dropout(
      attentionSum, rate: configuration.hiddenDropout, site: DropoutSite.attentionOutput(layer: index), context)
    layerNormForward(
      out: middle, sum: attentionSum, residual: rows.rows(of: input, context),
      gamma: weights[slots.attentionNorm.weight], beta: weights[slots.attentionNorm.bias],
      eps: configuration.layerNormEps, statistics: attentionStatistics)

    let preactivation = arena.matrix(count, configuration.intermediateSize)
    let inner = arena.matrix(count, configuration.intermediateSize)
    linearForward(
      out: preactivation, input: middle, weight: context.weight(slots.intermediate.weight),
      bias: weights[slots.intermediate.bias], arena: arena)
    activationForward(configuration.activation, out: inner, input: preactivation)

    let outputSum = arena.matrix(count, width)
    let outputStatistics = LayerNormStatistics(rows: count, arena: arena)
    linearForward(
      out: outputSum, input: inner, weight: context.weight(slots.output.weight),
      bias: weights[slots.output.bias], arena: arena)
    rows.dropout(outputSum, rate: configuration.hiddenDropout, site: DropoutSite.output(layer: index), context)
    layerNormForward(
      out: out, sum: outputSum, residual: middle, gamma: weights[slots.outputNorm.weight],
      beta: weights[slots.outputNorm.bias], eps: configuration.layerNormEps, statistics: outputStatistics)
    return Output(
      rows: rows, probabilities: probabilities, context: attended, attentionSum: attentionSum,
      attentionStatistics: attentionStatistics, middle: middle, preactivation: preactivation, inner: inner,
      outputSum: outputSum, outputStatistics: outputStatistics)
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
    let weights = context.weights
    // out = LayerNorm(middle + dropout(inner·W2 + b2)); d becomes the gradient of the sum, and so of middle
    layerNormBackward(
      d: d, sum: output.outputSum, gamma: weights[slots.outputNorm.weight],
      dGamma: gradient[slots.outputNorm.weight], dBeta: gradient[slots.outputNorm.bias],
      statistics: output.outputStatistics)
    let branch = arena.matrix(d.rows, d.columns)
    branch.copy(from: d)
    output.rows.dropout(branch, rate: configuration.hiddenDropout, site: DropoutSite.output(layer: index), context)
    let dInner = arena.matrix(d.rows, configuration.intermediateSize)
    linearBackward(
      dInput: dInner, dWeight: gradient[slots.output.weight], dBias: gradient[slots.output.bias], dOut: branch,
      input: output.inner, weight: weights[slots.output.weight], arena: arena)
    // inner = f(middle·W1 + b1)
    activationBackward(configuration.activation, d: dInner, input: output.preactivation)
    linearBackward(
      dInput: d, accumulate: true, dWeight: gradient[slots.intermediate.weight],
      dBias: gradient[slots.intermediate.bias], dOut: dInner, input: output.middle,
      weight: weights[slots.intermediate.weight], arena: arena)

    // middle = LayerNorm(input + dropout(context·Wo + bo))
    layerNormBackward(
      d: d, sum: output.attentionSum, gamma: weights[slots.attentionNorm.weight],
      dGamma: gradient[slots.attentionNorm.weight], dBeta: gradient[slots.attentionNorm.bias],
      statistics: output.attentionStatistics)
    branch.copy(from: d)
    output.rows.dropout(
      branch, rate: configuration.hiddenDropout, site: DropoutSite.attentionOutput(layer: index), context)
    let dContext = arena.matrix(d.rows, d.columns)
    linearBackward(
      dInput: dContext, dWeight: gradient[slots.attentionOutput.weight],
      dBias: gradient[slots.attentionOutput.bias], dOut: branch, input: output.context,
      weight: weights[slots.attentionOutput.weight], arena: arena)
    return dContext
  }
}
