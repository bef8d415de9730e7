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

  /// What the backward pass needs. Shapes: (tokens, hidden) unless said otherwise.
  struct Activations {
    let input: Matrix
    /// (tokens, 3·hidden)
    let qkv: Matrix
    let probabilities: AttentionMaps
    let context: Matrix
    /// x + attention output, before LayerNorm.
    let attentionSum: Matrix
    let attentionStatistics: LayerNormStatistics
    let middle: Matrix
    /// Before the activation function, and after it. (tokens, inner)
    let preactivation: Matrix
    let inner: Matrix
    /// middle + feed-forward output, before LayerNorm.
    let outputSum: Matrix
    let outputStatistics: LayerNormStatistics
  }

  /// Returns activations only where the pass keeps them; then all scratch memory stays allocated.
  func forward(
    out: Matrix, input: Matrix, qkv: Matrix, scores: AttentionMaps?, _ context: PassContext
  ) -> Activations {
    let arena = context.arena
    let weights = context.weights
    let (tokens, width) = (input.rows, configuration.hiddenSize)
    linearForward(out: qkv, input: input, weight: weights[slots.qkv.weight], bias: weights[slots.qkv.bias])
    let probabilities = AttentionMaps(context.batch, heads: configuration.heads, arena: arena)
    let attended = arena.matrix(tokens, width)
    attention.forward(context: attended, qkv: qkv, probabilities: probabilities, scores: scores, context)

    let attentionSum = arena.matrix(tokens, width)
    let attentionStatistics = LayerNormStatistics(rows: tokens, arena: arena)
    let middle = arena.matrix(tokens, width)
    linearForward(
      out: attentionSum, input: attended, weight: weights[slots.attentionOutput.weight],
      bias: weights[slots.attentionOutput.bias])
    context.dropout(
      attentionSum, rate: configuration.hiddenDropout, site: DropoutSite.attentionOutput(layer: index))
    layerNormForward(
      out: middle, sum: attentionSum, residual: input, gamma: weights[slots.attentionNorm.weight],
      beta: weights[slots.attentionNorm.bias], eps: configuration.layerNormEps, statistics: attentionStatistics)

    let preactivation = arena.matrix(tokens, configuration.intermediateSize)
    let inner = arena.matrix(tokens, configuration.intermediateSize)
    linearForward(
      out: preactivation, input: middle, weight: weights[slots.intermediate.weight],
      bias: weights[slots.intermediate.bias])
    activationForward(configuration.activation, out: inner, input: preactivation)

    let outputSum = arena.matrix(tokens, width)
    let outputStatistics = LayerNormStatistics(rows: tokens, arena: arena)
    linearForward(
      out: outputSum, input: inner, weight: weights[slots.output.weight], bias: weights[slots.output.bias])
    context.dropout(outputSum, rate: configuration.hiddenDropout, site: DropoutSite.output(layer: index))
    layerNormForward(
      out: out, sum: outputSum, residual: middle, gamma: weights[slots.outputNorm.weight],
      beta: weights[slots.outputNorm.bias], eps: configuration.layerNormEps, statistics: outputStatistics)
    return Activations(
      input: input, qkv: qkv, probabilities: probabilities, context: attended, attentionSum: attentionSum,
      attentionStatistics: attentionStatistics, middle: middle, preactivation: preactivation, inner: inner,
      outputSum: outputSum, outputStatistics: outputStatistics)
  }

  /// Turns the gradient of `out` in `d` into that of `input`, in place. (tokens, hidden)
  func backward(
    d: Matrix, _ activations: Activations, dScores: AttentionMaps?, dValues: Matrix?, gradient: ParameterBuffer,
    _ context: PassContext
  ) {
    let arena = context.arena
    let mark = arena.mark
    defer { arena.reset(to: mark) }
    let weights = context.weights
    let (tokens, width) = (d.rows, configuration.hiddenSize)

    // out = LayerNorm(middle + dropout(inner·W2 + b2)); d becomes the gradient of the sum, and so of middle
    layerNormBackward(
      d: d, sum: activations.outputSum, gamma: weights[slots.outputNorm.weight],
      dGamma: gradient[slots.outputNorm.weight], dBeta: gradient[slots.outputNorm.bias],
      statistics: activations.outputStatistics)
    let branch = arena.matrix(tokens, width)
    branch.copy(from: d)
    context.dropout(branch, rate: configuration.hiddenDropout, site: DropoutSite.output(layer: index))
    let dInner = arena.matrix(tokens, configuration.intermediateSize)
    linearBackward(
      dInput: dInner, dWeight: gradient[slots.output.weight], dBias: gradient[slots.output.bias], dOut: branch,
      input: activations.inner, weight: weights[slots.output.weight])
    // inner = f(middle·W1 + b1)
    activationBackward(configuration.activation, d: dInner, input: activations.preactivation)
    linearBackward(
      dInput: d, accumulate: true, dWeight: gradient[slots.intermediate.weight],
      dBias: gradient[slots.intermediate.bias], dOut: dInner, input: activations.middle,
      weight: weights[slots.intermediate.weight])

    // middle = LayerNorm(input + dropout(context·Wo + bo))
    layerNormBackward(
      d: d, sum: activations.attentionSum, gamma: weights[slots.attentionNorm.weight],
      dGamma: gradient[slots.attentionNorm.weight], dBeta: gradient[slots.attentionNorm.bias],
      statistics: activations.attentionStatistics)
    branch.copy(from: d)
    context.dropout(branch, rate: configuration.hiddenDropout, site: DropoutSite.attentionOutput(layer: index))
    let dContext = arena.matrix(tokens, width)
    linearBackward(
      dInput: dContext, dWeight: gradient[slots.attentionOutput.weight],
      dBias: gradient[slots.attentionOutput.bias], dOut: branch, input: activations.context,
      weight: weights[slots.attentionOutput.weight])
    // context = attention(qkv), qkv = input·Wqkv + bqkv
    let dQKV = arena.matrix(tokens, 3 * width)
    attention.backward(
      dQKV: dQKV, dContext: dContext, qkv: activations.qkv, probabilities: activations.probabilities,
      dScores: dScores, context)
    if let dValues { add(dValues, to: dQKV.columns(2 * width..<3 * width)) }
    linearBackward(
      dInput: d, accumulate: true, dWeight: gradient[slots.qkv.weight], dBias: gradient[slots.qkv.bias],
      dOut: dQKV, input: activations.input, weight: weights[slots.qkv.weight])
  }
}
