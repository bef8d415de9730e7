import Kernels
import ONNX

extension EncoderGraph {
  /// `EncoderLayer` without dropout. x: (batch, sequence, hidden)
  mutating func layer(_ index: Int, _ slots: LayerSlots, _ x: Value, _ positions: GraphPositions) -> Value {
    guard configuration.normPlace == .behindSums else {
      // h = x + attention(LayerNorm(x)), out = h + feedForward(LayerNorm(h))
      let input = slots.attentionNorm.map { builder.layerNorm(x, $0, "attention_norm") } ?? x
      let sum = builder.graph.node("Add", [x, attention(index, slots, input, positions)])
      let middle = builder.layerNorm(sum, slots.outputNorm, "output_norm")
      return builder.graph.node("Add", [sum, feedForward(slots, middle)])
    }
    // h = LayerNorm(x + attention(x)), out = LayerNorm(h + feedForward(h))
    var middle = builder.graph.node("Add", [attention(index, slots, x, positions), x])
    if let norm = slots.attentionNorm { middle = builder.layerNorm(middle, norm, "attention_norm") }
    let sum = builder.graph.node("Add", [feedForward(slots, middle), middle])
    return builder.layerNorm(sum, slots.outputNorm, "output_norm")
  }

  private mutating func feedForward(_ slots: LayerSlots, _ x: Value) -> Value {
    var inner = builder.linear(x, slots.intermediate, "intermediate")
    if configuration.isGated {
      let parts = builder.parts(inner, 2, of: configuration.intermediateSize)
      inner = builder.graph.node("Mul", [builder.activation(configuration.activation, parts[0]), parts[1]])
    } else {
      inner = builder.activation(configuration.activation, inner)
    }
    return builder.linear(inner, slots.output, "output")
  }

  private mutating func attention(
    _ index: Int, _ slots: LayerSlots, _ x: Value, _ positions: GraphPositions
  ) -> Value {
    let qkv = builder.linear(x, slots.qkv, "qkv")
    // (batch, heads, sequence, head size) each
    var parts = builder.parts(qkv, 3, of: configuration.hiddenSize).map { part in
      builder.transpose(builder.reshape(part, [0, 0, configuration.heads, configuration.headSize]), [0, 2, 1, 3])
    }
    let sight: LayerSight = configuration.reach(ofLayer: index) == nil ? .global : .local
    if let rotation = positions.rotations[sight] {
      parts[0] = rotation.turned(parts[0], &builder)
      parts[1] = rotation.turned(parts[1], &builder)
    }
    var scores = builder.graph.node("MatMul", [parts[0], builder.transpose(parts[1], [0, 1, 3, 2])])
    var terms = 1
    if let disentanglement = configuration.disentanglement {
      terms = disentanglement.terms
      for part in positions.disentangled(slots, queries: parts[0], keys: parts[1], scores: scores, &builder) {
        scores = builder.graph.node("Add", [scores, part])
      }
    }
    let scale = 1 / Float(configuration.headSize * terms).squareRoot()
    scores = builder.graph.node("Mul", [scores, builder.scalar(scale)])
    if let added = positions.added[sight] { scores = builder.graph.node("Add", [scores, added]) }
    let probabilities = builder.graph.node("Softmax", [scores], [.integer("axis", -1)])
    let context = builder.transpose(builder.graph.node("MatMul", [probabilities, parts[2]]), [0, 2, 1, 3])
    return builder.linear(
      builder.reshape(context, [0, 0, configuration.hiddenSize]), slots.attentionOutput, "attention_output")
  }
}
