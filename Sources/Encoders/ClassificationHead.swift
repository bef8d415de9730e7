import Kernels
import Text

/// logits = dropout(tanh(h[CLS]·Wp + bp))·Wc + bc: BERT's pooler and sequence classifier.
struct ClassificationHead {
  let configuration: EncoderConfiguration
  let slots: EncoderParameters

  /// (sentences, hidden) each
  struct Activations {
    let cls: Matrix
    /// tanh's output, before dropout.
    let pooled: Matrix
    let dropped: Matrix
  }

  private var dropoutRate: Float { configuration.classifierDropout ?? configuration.hiddenDropout }

  /// logits: (sentences, classes), or `nil` where only the pooler is read; cls: the last layer's output at each
  /// sentence's first token (sentences, hidden).
  func forward(logits: Matrix?, cls: Matrix, _ context: PassContext) -> Activations {
    let batch = context.batch
    let arena = context.arena
    let width = configuration.hiddenSize
    let pooled = arena.matrix(batch.sentences, width)
    linearForward(
      out: pooled, input: cls, weight: context.weight(slots.pooler.weight),
      bias: context.weights[slots.pooler.bias], arena: arena)
    tanhForward(pooled)
    guard let logits else { return Activations(cls: cls, pooled: pooled, dropped: pooled) }
    var dropped = pooled
    if context.dropoutKey != nil, dropoutRate > 0 {
      dropped = arena.matrix(batch.sentences, width)
      dropped.copy(from: pooled)
      drop(dropped, context)
    }
    linearForward(
      out: logits, input: dropped, weight: context.weight(slots.classifier.weight),
      bias: context.weights[slots.classifier.bias], arena: arena)
    return Activations(cls: cls, pooled: pooled, dropped: dropped)
  }

  /// Adds to the head's gradients and, where given, overwrites `dCls` (sentences, hidden) with that of its input. Either
  /// gradient of what the head gives may be missing.
  func backward(
    dLogits: Matrix?, dPooled: Matrix?, dCls: Matrix?, _ activations: Activations, gradient: ParameterBuffer,
    _ context: PassContext
  ) {
    let batch = context.batch
    let d = context.arena.matrix(batch.sentences, configuration.hiddenSize)
    if let dLogits {
      // logits = dropped·Wc + bc
      linearBackward(
        dInput: d, dWeight: gradient[slots.classifier.weight], dBias: gradient[slots.classifier.bias], dOut: dLogits,
        input: activations.dropped, weight: context.weights[slots.classifier.weight], arena: context.arena)
      // dropped = dropout(pooled)
      drop(d, context)
    } else {
      d.fill(0)
    }
    if let dPooled { add(dPooled, to: d) }
    // pooled = tanh(cls·Wp + bp)
    tanhBackward(d: d, output: activations.pooled)
    linearBackward(
      dInput: dCls, dWeight: gradient[slots.pooler.weight], dBias: gradient[slots.pooler.bias], dOut: d,
      input: activations.cls, weight: context.weights[slots.pooler.weight], arena: context.arena)
  }

  private func drop(_ x: Matrix, _ context: PassContext) {
    OutputRows.first.dropout(x, rate: dropoutRate, site: DropoutSite.classifier, context)
  }
}
