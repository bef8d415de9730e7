import Kernels
import ONNX

/// An encoder as an ONNX graph, from the same blocks and weights that run here. Inputs are those of transformers'
/// exports: `input_ids`, `attention_mask` and, where there is more than one segment, `token_type_ids`.
/// (batch, sequence) each, 64-bit integers.
package struct EncoderGraph {
  package enum Output: Sendable {
    /// `logits`: (batch, classes); of a head for tokens, (batch, sequence, classes).
    case logits
    /// `last_hidden_state`: (batch, sequence, hidden).
    case lastHiddenState
  }

  typealias Value = Graph.Value

  let slots: EncoderParameters
  let configuration: EncoderConfiguration
  var builder: GraphBuilder
  private let ids: Value
  /// 1 at tokens, 0 at padding.
  private let mask: Value
  private let types: Value?

  /// - Throws: `GraphError` where the weights have no form in the precision, when the file is written.
  package static func graph(
    of encoder: Encoder, weights: ParameterBuffer, precision: GraphPrecision, output: Output
  ) -> Graph {
    var graph = EncoderGraph(encoder, weights, precision)
    graph.build(output)
    return graph.builder.graph
  }

  private init(_ encoder: Encoder, _ weights: ParameterBuffer, _ precision: GraphPrecision) {
    slots = encoder.parameters
    configuration = encoder.configuration
    builder = GraphBuilder(encoder.configuration, weights: weights, precision: precision)
    let shape = [Graph.Dimension.free("batch_size"), .free("sequence_length")]
    ids = builder.graph.input("input_ids", .int64, shape)
    mask = builder.graph.input("attention_mask", .int64, shape)
    types =
      configuration.typeVocabularySize > 1 ? builder.graph.input("token_type_ids", .int64, shape) : nil
  }

  private mutating func build(_ output: Output) {
    builder.graph.scope = "embeddings/"
    var hidden = embeddings()
    builder.graph.scope = "positions/"
    let positions = GraphPositions(configuration, slots, length: length(), mask: mask, &builder)
    for (index, layer) in slots.layers.enumerated() {
      builder.graph.scope = "layer.\(index)/"
      hidden = self.layer(index, layer, hidden, positions)
    }
    builder.graph.scope = "head/"
    if let norm = slots.finalNorm { hidden = builder.layerNorm(hidden, norm, "final_norm") }
    let batch = Graph.Dimension.free("batch_size")
    let rows = [batch, .free("sequence_length")]
    switch output {
    case .lastHiddenState:
      builder.output("last_hidden_state", hidden, rows + [.size(configuration.hiddenSize)])
    case .logits:
      let classes = Graph.Dimension.size(configuration.outputs)
      let logits = head(hidden)
      builder.output("logits", logits, (configuration.headRows == .all ? rows : [batch]) + [classes])
    }
  }

  /// Of a sentence with its padding: a vector of one.
  private mutating func length() -> Value {
    builder.graph.node("Shape", [ids], [.integer("start", 1), .integer("end", 2)])
  }

  // MARK: Embeddings

  private mutating func embeddings() -> Value {
    var sum = builder.lookUp(slots.wordEmbeddings, ids, "word_embeddings")
    if let table = slots.positionEmbeddings {
      sum = builder.graph.node("Add", [sum, positionEmbeddings(table)])
    }
    if let table = slots.typeEmbeddings {
      let rows = builder.parameter(table, "token_type_embeddings")
      let row = types ?? builder.graph.integer(0)
      sum = builder.graph.node("Add", [sum, builder.graph.node("Gather", [rows, row])])
    }
    let projection = slots.embeddingsProjection
    if let projection, configuration.projectsEmbeddingsFirst {
      return builder.layerNorm(builder.linear(sum, projection, "projection"), slots.embeddingsNorm, "norm")
    }
    let normalized = builder.layerNorm(sum, slots.embeddingsNorm, "norm")
    return projection.map { builder.linear(normalized, $0, "projection") } ?? normalized
  }

  private mutating func positionEmbeddings(_ slot: Slot) -> Value {
    let table = builder.parameter(slot, "position_embeddings")
    guard case .behindPadding(let padding) = configuration.positions else {
      return builder.graph.node(
        "Slice", [table, builder.graph.integers([0]), length(), builder.graph.integers([0])])
    }
    // Words count from the row behind the padding's, and padding reads its own.
    let isPadding = builder.graph.node("Equal", [ids, builder.graph.integers([padding])])
    let words = builder.cast(builder.graph.node("Not", [isPadding]), to: .int64)
    let counted = builder.graph.node("CumSum", [words, builder.graph.integer(1)])
    let rows = builder.graph.node(
      "Add", [builder.graph.node("Mul", [counted, words]), builder.graph.integers([padding])])
    return builder.graph.node("Gather", [table, rows])
  }

  // MARK: Head

  private mutating func head(_ hidden: Value) -> Value {
    var x = configuration.headRows == .all ? hidden : pooled(hidden)
    if let dense = slots.headDense {
      x = builder.linear(x, dense, "dense")
      switch configuration.head.activation {
      case .tanh: x = builder.graph.node("Tanh", [x])
      case .gelu: x = builder.activation(.gelu, x)
      case .relu: x = builder.activation(.relu, x)
      }
      if let norm = slots.headNorm { x = builder.layerNorm(x, norm, "norm") }
    }
    guard let classifier = slots.classifier else { preconditionFailure("sentence vectors are no logits") }
    return builder.linear(x, classifier, "classifier")
  }

  /// (batch, hidden)
  private mutating func pooled(_ hidden: Value) -> Value {
    switch configuration.head.pooling {
    case .cls:
      return builder.graph.node("Gather", [hidden, builder.graph.integer(0)], [.integer("axis", 1)])
    case .mean:
      let weights = builder.unsqueeze(builder.cast(mask, to: builder.elements), [2])
      let axis = builder.graph.integers([1])
      let sum = builder.graph.node(
        "ReduceSum", [builder.graph.node("Mul", [hidden, weights]), axis], [.integer("keepdims", 0)])
      let count = builder.graph.node("ReduceSum", [weights, axis], [.integer("keepdims", 0)])
      return builder.graph.node("Div", [sum, count])
    }
  }
}

extension GraphBuilder {
  /// A result in 32-bit floats.
  mutating func output(_ name: String, _ value: Value, _ shape: [Graph.Dimension]) {
    graph.scope = ""
    graph.output(name, precision == .float16 ? cast(value, to: .float32) : value, .float32, shape)
  }
}
