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

  /// logits: (sentences, classes), hidden: (tokens, hidden)
  func forward(logits: Matrix, hidden: Matrix, _ context: PassContext) -> Activations {
    let batch = context.batch
    let arena = context.arena
    let width = configuration.hiddenSize
    let cls = arena.matrix(batch.sentences, width)
    for sentence in 0..<batch.sentences {
      let first = batch.starts[sentence]
      cls.rows(sentence..<sentence + 1).copy(from: hidden.rows(first..<first + 1))
    }
    let pooled = arena.matrix(batch.sentences, width)
    linearForward(
      out: pooled, input: cls, weight: context.weights[slots.pooler.weight],
      bias: context.weights[slots.pooler.bias])
    tanhForward(pooled)
    var dropped = pooled
    if context.dropoutKey != nil, dropoutRate > 0 {
      dropped = arena.matrix(batch.sentences, width)
      dropped.copy(from: pooled)
      drop(dropped, context)
    }
    linearForward(
      out: logits, input: dropped, weight: context.weights[slots.classifier.weight],
      bias: context.weights[slots.classifier.bias])
    return Activations(cls: cls, pooled: pooled, dropped: dropped)
  }

  /// Adds to the head's gradients and, where given, to `dHidden` (tokens, hidden) at each sentence's first token.
  func backward(
    dLogits: Matrix, dHidden: Matrix?, _ activations: Activations, gradient: ParameterBuffer, _ context: PassContext
  ) {
    let batch = context.batch
    let d = context.arena.matrix(batch.sentences, configuration.hiddenSize)
    // logits = dropped·Wc + bc
    linearBackward(
      dInput: d, dWeight: gradient[slots.classifier.weight], dBias: gradient[slots.classifier.bias], dOut: dLogits,
      input: activations.dropped, weight: context.weights[slots.classifier.weight])
    // dropped = dropout(tanh(cls·Wp + bp))
    drop(d, context)
    tanhBackward(d: d, output: activations.pooled)
    let dCls = dHidden.map { _ in context.arena.matrix(batch.sentences, configuration.hiddenSize) }
    linearBackward(
      dInput: dCls, dWeight: gradient[slots.pooler.weight], dBias: gradient[slots.pooler.bias], dOut: d,
      input: activations.cls, weight: context.weights[slots.pooler.weight])
    guard let dHidden, let dCls else { return }
    for sentence in 0..<batch.sentences {
      let first = batch.starts[sentence]
      add(dCls.rows(sentence..<sentence + 1), to: dHidden.rows(first..<first + 1))
    }
  }

  private func drop(_ x: Matrix, _ context: PassContext) {
    guard let key = context.dropoutKey else { return }
    for sentence in 0..<context.batch.sentences {
      dropout(
        x.rows(sentence..<sentence + 1), rate: dropoutRate, key: key, sample: context.batch.samples[sentence],
        site: DropoutSite.classifier)
    }
  }
}
