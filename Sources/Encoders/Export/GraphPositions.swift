import Glibc
import Kernels
import ONNX

/// What all layers of a graph share of positions and padding.
struct GraphPositions {
  typealias Value = Graph.Value

  /// What is added to the scores of layers of each sight: a bias by distance, and what hides padding and tokens outside
  /// the window. (batch or 1, heads or 1, sequence or 1, sequence)
  private(set) var added: [LayerSight: Value] = [:]
  private(set) var rotations: [LayerSight: GraphRotation] = [:]
  /// DeBERTa's row of the table of relative positions for each pair of tokens, by query − key. (sequence, sequence)
  private var relativeRows: Value?
  private let slots: EncoderParameters
  private let configuration: EncoderConfiguration

  /// - Parameters:
  ///   - length: a vector of one.
  ///   - mask: 1 at tokens, 0 at padding. (batch, sequence)
  init(
    _ configuration: EncoderConfiguration, _ slots: EncoderParameters, length: Value, mask: Value,
    _ builder: inout GraphBuilder
  ) {
    self.configuration = configuration
    self.slots = slots
    let indices = builder.graph.node(
      "Range", [builder.graph.integer(0), builder.graph.node("Squeeze", [length]), builder.graph.integer(1)])
    // query − key
    let distances = builder.graph.node("Sub", [builder.unsqueeze(indices, [1]), builder.unsqueeze(indices, [0])])
    let isToken = builder.unsqueeze(builder.cast(mask, to: .bool), [1, 2])

    let zero = builder.scalar(0)
    // Far below any score, and no infinity: a padding token whose window is all padding still has finite sums.
    let hidden = builder.scalar(builder.precision == .float16 ? -30_000 : -1e37)
    added[.global] = builder.graph.node("Where", [isToken, zero, hidden])
    if let reach = (0..<configuration.layers).compactMap(configuration.reach).first {
      let isNear = builder.graph.node(
        "LessOrEqual", [builder.graph.node("Abs", [distances]), builder.graph.integers([reach])])
      added[.local] = builder.graph.node("Where", [builder.graph.node("And", [isToken, isNear]), zero, hidden])
    }

    switch configuration.attentionPositions {
    case .none: break
    case .buckets:
      guard let slot = slots.positionBias, let mask = added[.global] else { break }
      let bias = Self.bias(slot, configuration, distances, &builder)
      added[.global] = builder.graph.node("Add", [bias, mask])
    case .rotary(let globalBase, let localBase):
      for (sight, base) in [(LayerSight.global, globalBase), (.local, localBase)] where added[sight] != nil {
        rotations[sight] = GraphRotation(configuration, indices: indices, base: base, &builder)
      }
    case .disentangled(let disentanglement):
      guard slots.relativePositions != nil else { break }
      let span = configuration.positionSpan
      relativeRows = Self.byDistance(distances, configuration, &builder) { distance in
        let bucket = disentanglement.bucket(distance, maxDistance: configuration.maxDistance)
        return min(max(bucket + span, 0), 2 * span - 1)
      }
    }
  }

  /// A whole number for each pair of tokens. (sequence, sequence)
  private static func byDistance(
    _ distances: Value, _ configuration: EncoderConfiguration, _ builder: inout GraphBuilder, _ number: (Int) -> Int
  ) -> Value {
    let farthest = configuration.maxLength - 1
    let numbers = builder.graph.integers((-farthest...farthest).map(number))
    return builder.graph.node(
      "Gather", [numbers, builder.graph.node("Add", [distances, builder.graph.integers([farthest])])])
  }

  /// MPNet's, by key − query. (1, heads, sequence, sequence)
  private static func bias(
    _ slot: Slot, _ configuration: EncoderConfiguration, _ distances: Value, _ builder: inout GraphBuilder
  ) -> Value {
    let table = builder.parameter(slot, "bias")
    let rows = byDistance(distances, configuration, &builder) { PositionBias.bucket(-$0) }
    return builder.unsqueeze(builder.transpose(builder.graph.node("Gather", [table, rows]), [2, 0, 1]), [0])
  }

  /// What DeBERTa's scores get for relative positions, before their scale (`DisentangledScores`).
  func disentangled(
    _ layer: LayerSlots, queries: Value, keys: Value, scores: Value, _ builder: inout GraphBuilder
  ) -> [Value] {
    guard let relativeRows, let kinds = configuration.disentanglement else { return [] }
    let shape = builder.graph.node("Shape", [scores])
    // (heads, head size, 2 · span)
    func map(_ own: AffineSlots?, _ part: Int, _ name: String) -> Value {
      let shape = [configuration.heads, configuration.headSize, 2 * configuration.positionSpan]
      return builder.table(name, shape: shape) { [weights = builder.weights] in
        mapped(weights, DisentangledScores.parameters(own, part, layer, configuration.hiddenSize))
      }
    }
    func gathered(_ product: Value, _ rows: Value) -> Value {
      builder.graph.node(
        "GatherElements", [product, builder.graph.node("Expand", [rows, shape])], [.integer("axis", 3)])
    }
    var parts: [Value] = []
    if kinds.contentToPosition {
      let product = builder.graph.node("MatMul", [queries, map(layer.positionKeys, 1, "position_keys")])
      parts.append(gathered(product, relativeRows))
    }
    if kinds.positionToContent {
      let product = builder.graph.node("MatMul", [keys, map(layer.positionQueries, 0, "position_queries")])
      // A row a key, a column a query.
      let byKey = gathered(product, builder.transpose(relativeRows, [1, 0]))
      parts.append(builder.transpose(byKey, [0, 1, 3, 2]))
    }
    return parts
  }

  /// Keys or queries of relative positions, the same for any text. (heads · head size, 2 · span)
  private func mapped(
    _ weights: ParameterBuffer,
    _ map: (weight: (slot: Slot, rows: Range<Int>), bias: (slot: Slot, columns: Range<Int>)?)
  ) -> [Float] {
    guard let slot = slots.relativePositions else { return [] }
    let arena = Arena()
    return withExtendedLifetime(arena) {
      var table = weights[slot]
      if let norm = slots.relativePositionsNorm {
        let normalized = arena.matrix(table.rows, table.columns)
        layerNormForward(
          out: normalized, sum: table, residual: nil, gamma: weights[norm.weight], beta: norm.bias.map { weights[$0] },
          eps: configuration.layerNormEps, statistics: nil)
        table = normalized
      }
      let out = arena.matrix(table.rows, table.columns)
      linearForward(
        out: out, input: table, weight: LinearWeight(weights[map.weight.slot].rows(map.weight.rows)),
        bias: map.bias.map { weights[$0.slot].columns($0.columns) }, arena: arena)
      return out.transposedNumbers
    }
  }
}

/// Cosines and sines of a graph's positions (`Rotation`). (sequence, head size / 2) each
struct GraphRotation {
  private let cosine: Graph.Value
  private let sine: Graph.Value

  init(_ configuration: EncoderConfiguration, indices: Graph.Value, base: Float, _ builder: inout GraphBuilder) {
    let half = configuration.headSize / 2
    let frequencies = (0..<half).map { 1 / powf(base, Float(2 * $0) / Float(configuration.headSize)) }
    let vector = builder.graph.tensor(
      TensorConstant("\(builder.graph.scope)frequencies_\(Int(base))", shape: [half], floats: frequencies))
    let positions = builder.unsqueeze(builder.cast(indices, to: .float32), [1])
    let angles = builder.graph.node("Mul", [positions, vector])
    func typed(_ x: Graph.Value) -> Graph.Value {
      builder.precision == .float16 ? builder.cast(x, to: .float16) : x
    }
    cosine = typed(builder.graph.node("Cos", [angles]))
    sine = typed(builder.graph.node("Sin", [angles]))
  }

  /// (a·cos − b·sin, b·cos + a·sin) of x = (a, b). x: (batch, heads, sequence, head size)
  func turned(_ x: Graph.Value, _ builder: inout GraphBuilder) -> Graph.Value {
    let halves = builder.graph.node("Split", [x], [.integer("axis", -1)], outputs: 2)
    func product(_ half: Int, _ factor: Graph.Value) -> Graph.Value {
      builder.graph.node("Mul", [halves[half], factor])
    }
    let first = builder.graph.node("Sub", [product(0, cosine), product(1, sine)])
    let second = builder.graph.node("Add", [product(1, cosine), product(0, sine)])
    return builder.graph.node("Concat", [first, second], [.integer("axis", -1)])
  }
}
