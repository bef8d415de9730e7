import Kernels
import Text

/// logits = dropout(norm(f(dropout(h)·W + b)))·Wc + bc, of h at each sentence's first token or of their mean;
/// `HeadShape` says which of it a family has. For tokens, it is of h at every token, and with most families
/// logits = dropout(h)·Wc + bc. A model of sentence vectors gives what it pools (`SentenceVectorShape`).
struct ClassificationHead {
  let configuration: EncoderConfiguration
  let slots: EncoderParameters

  /// (sentences, hidden) each; for tokens, (tokens, hidden). Of sentence vectors, `activated` is (sentences, outputs).
  struct Activations {
    let cls: Matrix
    /// `cls` after its dropout.
    let input: Matrix
    /// What the activation function reads; overwritten where its gradient needs its output only.
    let preactivation: Matrix
    /// The activation function's output.
    let activated: Matrix
    let statistics: LayerNormStatistics?
    /// The same, or normalized, before dropout.
    let pooled: Matrix
    let dropped: Matrix
  }

  private var dropoutRate: Float { configuration.headDropout }
  private var dropsInput: Bool { configuration.head.dropsInput && configuration.headRows == .first }
  private var inputDropoutRate: Float { configuration.head.inputDropout ?? dropoutRate }

  /// logits: (sentences, classes), or `nil` where only the pooler is read; cls: the last layer's output at each
  /// sentence's first token (sentences, hidden), or all of it.
  func forward(logits: Matrix?, cls: Matrix, _ context: PassContext) -> Activations {
    let rows = cls.rows
    let width = configuration.hiddenSize
    guard let dense = slots.headDense else {
      var (dropped, activated) = (cls, cls)
      if let logits {
        if let classifier = slots.classifier {
          dropped = self.dropped(cls, dropoutRate, DropoutSite.classifier, context)
          context.linear(out: logits, input: dropped, classifier)
        } else {
          activated = vectorForward(out: logits, pooled: cls, context)
        }
      }
      return Activations(
        cls: cls, input: cls, preactivation: cls, activated: activated, statistics: nil, pooled: cls, dropped: dropped)
    }
    let input =
      dropsInput ? dropped(cls, inputDropoutRate, DropoutSite.classifierInput, context) : cls
    let preactivation = context.arena.matrix(rows, width)
    context.linear(out: preactivation, input: input, dense)
    var activated = preactivation
    if let activation = configuration.head.activation.kernel {
      activated = context.arena.matrix(rows, width)
      activationForward(activation, out: activated, input: preactivation)
    } else {
      tanhForward(activated)
    }
    var pooled = activated
    let statistics = slots.headNorm.map { norm in
      pooled = context.arena.matrix(rows, width)
      let statistics = LayerNormStatistics(rows: rows, arena: context.arena)
      context.layerNorm(out: pooled, sum: activated, residual: nil, norm, configuration, statistics)
      return statistics
    }
    var dropped = pooled
    if let logits, let classifier = slots.classifier {
      dropped = self.dropped(pooled, dropoutRate, DropoutSite.classifier, context)
      context.linear(out: logits, input: dropped, classifier)
    }
    return Activations(
      cls: cls, input: input, preactivation: preactivation, activated: activated, statistics: statistics,
      pooled: pooled, dropped: dropped)
  }

  /// Adds to the head's gradients and, where given, overwrites `dCls` (sentences, hidden) with that of its input. Either
  /// gradient of what the head gives may be missing.
  func backward(
    dLogits: Matrix?, dPooled: Matrix?, dCls: Matrix?, _ activations: Activations, gradient: ParameterBuffer,
    _ context: PassContext
  ) {
    let d = context.arena.matrix(activations.cls.rows, configuration.hiddenSize)
    if let dLogits, let classifier = slots.classifier {
      // logits = dropped·Wc + bc
      context.linearBackward(dInput: d, dOut: dLogits, input: activations.dropped, classifier, gradient)
      // dropped = dropout(pooled)
      drop(d, dropoutRate, DropoutSite.classifier, context)
    } else {
      d.fill(0)
      // logits = vector(pooled)
      if let dLogits { vectorBackward(dX: d, dOut: dLogits, activations, gradient: gradient, context) }
    }
    if let dPooled { add(dPooled, to: d) }
    guard let dense = slots.headDense else {
      // pooled = cls
      dCls?.copy(from: d)
      return
    }
    // pooled = norm(activated)
    if let norm = slots.headNorm, let statistics = activations.statistics {
      context.layerNormBackward(d: d, sum: activations.activated, norm, gradient, statistics)
    }
    // activated = f(input·W + b)
    if let activation = configuration.head.activation.kernel {
      activationBackward(activation, d: d, input: activations.preactivation)
    } else {
      tanhBackward(d: d, output: activations.activated)
    }
    context.linearBackward(dInput: dCls, dOut: d, input: activations.input, dense, gradient)
    // input = dropout(cls)
    if let dCls, dropsInput {
      drop(dCls, inputDropoutRate, DropoutSite.classifierInput, context)
    }
  }

  /// dropout(x), which is x itself where there is none.
  private func dropped(_ x: Matrix, _ rate: Float, _ site: Int, _ context: PassContext) -> Matrix {
    guard context.dropoutKey != nil, rate > 0 else { return x }
    let dropped = context.arena.matrix(x.rows, x.columns)
    dropped.copy(from: x)
    drop(dropped, rate, site, context)
    return dropped
  }

  private func drop(_ x: Matrix, _ rate: Float, _ site: Int, _ context: PassContext) {
    configuration.headRows.dropout(x, rate: rate, site: site, context)
  }
}

extension HeadShape.Pooling {
  /// What the head reads of the last layer's output (tokens, hidden): (sentences, hidden).
  func forward(_ hidden: Matrix, _ context: PassContext) -> Matrix {
    guard self == .mean else { return OutputRows.first.rows(of: hidden, context) }
    let out = context.arena.matrix(context.batch.sentences, hidden.columns)
    for sentence in 0..<context.batch.sentences {
      let tokens = OutputRows.all.range(of: sentence, in: context.batch)
      meanForward(out: out.rows(sentence..<sentence + 1), rows: hidden.rows(tokens))
    }
    return out
  }

  /// Adds to the gradient of `hidden`.
  func backward(dHidden: Matrix, dOut: Matrix, _ context: PassContext) {
    guard self == .mean else { return OutputRows.first.add(dOut, to: dHidden, context) }
    for sentence in 0..<context.batch.sentences {
      let tokens = OutputRows.all.range(of: sentence, in: context.batch)
      meanBackward(dRows: dHidden.rows(tokens), dOut: dOut.rows(sentence..<sentence + 1))
    }
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
