import Kernels
import Text

/// logits = dropout(f(dropout(h)·W + b))·Wc + bc, of h at each sentence's first token; `HeadShape` says which of it a
/// family has.
struct ClassificationHead {
  let configuration: EncoderConfiguration
  let slots: EncoderParameters

  /// (sentences, hidden) each
  struct Activations {
    let cls: Matrix
    /// `cls` after its dropout.
    let input: Matrix
    /// What the activation function reads; overwritten where its gradient needs its output only.
    let preactivation: Matrix
    /// The activation function's output, before dropout.
    let pooled: Matrix
    let dropped: Matrix
  }

  private var dropoutRate: Float { configuration.classifierDropout ?? configuration.hiddenDropout }

  /// logits: (sentences, classes), or `nil` where only the pooler is read; cls: the last layer's output at each
  /// sentence's first token (sentences, hidden).
  func forward(logits: Matrix?, cls: Matrix, _ context: PassContext) -> Activations {
    let rows = context.batch.sentences
    let width = configuration.hiddenSize
    let input = configuration.head.dropsInput ? dropped(cls, DropoutSite.classifierInput, context) : cls
    let preactivation = context.arena.matrix(rows, width)
    context.linear(out: preactivation, input: input, slots.headDense)
    var pooled = preactivation
    if let activation = configuration.head.activation.kernel {
      pooled = context.arena.matrix(rows, width)
      activationForward(activation, out: pooled, input: preactivation)
    } else {
      tanhForward(pooled)
    }
    var dropped = pooled
    if let logits {
      dropped = self.dropped(pooled, DropoutSite.classifier, context)
      context.linear(out: logits, input: dropped, slots.classifier)
    }
    return Activations(cls: cls, input: input, preactivation: preactivation, pooled: pooled, dropped: dropped)
  }

  /// Adds to the head's gradients and, where given, overwrites `dCls` (sentences, hidden) with that of its input. Either
  /// gradient of what the head gives may be missing.
  func backward(
    dLogits: Matrix?, dPooled: Matrix?, dCls: Matrix?, _ activations: Activations, gradient: ParameterBuffer,
    _ context: PassContext
  ) {
    let d = context.arena.matrix(context.batch.sentences, configuration.hiddenSize)
    if let dLogits {
      // logits = dropped·Wc + bc
      context.linearBackward(dInput: d, dOut: dLogits, input: activations.dropped, slots.classifier, gradient)
      // dropped = dropout(pooled)
      drop(d, DropoutSite.classifier, context)
    } else {
      d.fill(0)
    }
    if let dPooled { add(dPooled, to: d) }
    // pooled = f(input·W + b)
    if let activation = configuration.head.activation.kernel {
      activationBackward(activation, d: d, input: activations.preactivation)
    } else {
      tanhBackward(d: d, output: activations.pooled)
    }
    context.linearBackward(dInput: dCls, dOut: d, input: activations.input, slots.headDense, gradient)
    // input = dropout(cls)
    if let dCls, configuration.head.dropsInput { drop(dCls, DropoutSite.classifierInput, context) }
  }

  /// dropout(x), which is x itself where there is none.
  private func dropped(_ x: Matrix, _ site: Int, _ context: PassContext) -> Matrix {
    guard context.dropoutKey != nil, dropoutRate > 0 else { return x }
    let dropped = context.arena.matrix(x.rows, x.columns)
    dropped.copy(from: x)
    drop(dropped, site, context)
    return dropped
  }

  private func drop(_ x: Matrix, _ site: Int, _ context: PassContext) {
    OutputRows.first.dropout(x, rate: dropoutRate, site: site, context)
  }
}

extension HeadShape.Activation {
  /// `nil` for tanh, whose gradient follows from its output.
  fileprivate var kernel: Activation? {
    switch self {
    case .tanh: nil
    case .gelu: .gelu
    case .relu: .relu
    }
  }
}
