import Kernels

/// out = f(input·W1 + b1)·W2 + b2, row by row.
struct FeedForward {
  let configuration: EncoderConfiguration
  let slots: LayerSlots

  /// Before the activation function, and after it. (rows, inner)
  struct Activations {
    let preactivation: Matrix
    let inner: Matrix
  }

  func forward(out: Matrix, input: Matrix, _ context: PassContext) -> Activations {
    let preactivation = context.arena.matrix(input.rows, configuration.intermediateSize)
    let inner = context.arena.matrix(input.rows, configuration.intermediateSize)
    context.linear(out: preactivation, input: input, slots.intermediate)
    activationForward(configuration.activation, out: inner, input: preactivation)
    context.linear(out: out, input: inner, slots.output)
    return Activations(preactivation: preactivation, inner: inner)
  }

  /// Adds to `dInput` and to the parameters' gradients.
  func backward(
    dInput: Matrix, dOut: Matrix, input: Matrix, _ activations: Activations, _ gradient: ParameterBuffer,
    _ context: PassContext
  ) {
    let dInner = context.arena.matrix(input.rows, configuration.intermediateSize)
    // out = inner·W2 + b2
    context.linearBackward(dInput: dInner, dOut: dOut, input: activations.inner, slots.output, gradient)
    // inner = f(input·W1 + b1)
    activationBackward(configuration.activation, d: dInner, input: activations.preactivation)
    context.linearBackward(
      dInput: dInput, accumulate: true, dOut: dInner, input: input, slots.intermediate, gradient)
  }
}
