import Kernels

/// out = dropout(inner)·W2 + b2 with inner = f(input·W1 + b1), or with half of the columns a gate: inner = f(a)·b of
/// (a, b) = input·W1 + b1. Row by row.
struct FeedForward {
  let configuration: EncoderConfiguration
  let slots: LayerSlots
  /// From 0.
  let layer: Int

  struct Activations {
    /// What the activation function reads, and the gate. (rows, inner or 2·inner)
    let preactivation: Matrix
    /// After its dropout. (rows, inner)
    let inner: Matrix
  }

  func forward(out: Matrix, input: Matrix, _ rows: OutputRows, _ context: PassContext) -> Activations {
    let preactivation = context.arena.matrix(input.rows, slots.intermediate.weight.rows)
    let inner = context.arena.matrix(input.rows, configuration.intermediateSize)
    context.linear(out: preactivation, input: input, slots.intermediate)
    context.activation(configuration.activation, isGated: configuration.isGated, out: inner, input: preactivation)
    dropInner(inner, rows, context)
    context.linear(out: out, input: inner, slots.output)
    return Activations(preactivation: preactivation, inner: inner)
  }

  /// Adds to `dInput` and to the parameters' gradients.
  func backward(
    dInput: Matrix, dOut: Matrix, input: Matrix, _ activations: Activations, _ rows: OutputRows,
    _ gradient: ParameterBuffer, _ context: PassContext
  ) {
    let dInner = context.arena.matrix(input.rows, configuration.intermediateSize)
    // out = inner·W2 + b2
    context.linearBackward(dInput: dInner, dOut: dOut, input: activations.inner, slots.output, gradient)
    dropInner(dInner, rows, context)
    // inner = f(input·W1 + b1)
    var dPreactivation = dInner
    if configuration.isGated {
      dPreactivation = context.arena.matrix(input.rows, slots.intermediate.weight.rows)
      gatedActivationBackward(
        configuration.activation, dInput: dPreactivation, dOut: dInner, input: activations.preactivation)
    } else {
      activationBackward(configuration.activation, d: dInner, input: activations.preactivation)
    }
    context.linearBackward(
      dInput: dInput, accumulate: true, dOut: dPreactivation, input: input, slots.intermediate, gradient)
  }

  private func dropInner(_ x: Matrix, _ rows: OutputRows, _ context: PassContext) {
    guard configuration.dropoutPlaces == .attentionOutputAndInnerStates else { return }
    rows.dropout(x, rate: configuration.hiddenDropout, site: DropoutSite.innerStates(layer: layer), context)
  }
}
