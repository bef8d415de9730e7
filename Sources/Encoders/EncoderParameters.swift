import Kernels

/// Weight and bias of a linear map.
package struct AffineSlots: Sendable {
  package let weight: Slot
  package let bias: Slot?
}

/// gamma and beta of a LayerNorm.
package struct NormSlots: Sendable {
  package let weight: Slot
  package let bias: Slot
}

/// One encoder layer's parameters.
package struct LayerSlots: Sendable {
  /// Query, key and value weights one below the other, so that one product computes all three. (3·hidden, hidden)
  package let qkv: AffineSlots
  package let attentionOutput: AffineSlots
  package let attentionNorm: NormSlots
  package let intermediate: AffineSlots
  package let output: AffineSlots
  package let outputNorm: NormSlots
  /// All of them, as a stretch of the buffer.
  package let range: Range<Int>
}

/// Where each parameter of an encoder with its head lies in a layout, under its Hugging Face key.
package struct EncoderParameters: Sendable {
  package let wordEmbeddings: Slot
  let positionEmbeddings: Slot
  let typeEmbeddings: Slot?
  let embeddingsNorm: NormSlots
  let embeddingsProjection: AffineSlots?
  /// A number for each bucket of distances and each head. (buckets, heads)
  let positionBias: Slot?
  package let layers: [LayerSlots]
  let headDense: AffineSlots
  let classifier: AffineSlots
  /// What follows the last layer: the prediction layer.
  package let headRange: Range<Int>

  /// Appends the model's parameters to `layout`.
  init(_ configuration: EncoderConfiguration, layout: inout ParameterLayout) {
    var builder = Builder(configuration, layout: layout)
    let keys = configuration.family.keys
    let (width, inner) = (configuration.hiddenSize, configuration.intermediateSize)
    let embeddingWidth = configuration.embeddingWidth

    wordEmbeddings = builder.table(keys.words, configuration.vocabularySize, embeddingWidth, isLookup: true)
    positionEmbeddings = builder.table(keys.positions, configuration.maxPositions, embeddingWidth)
    typeEmbeddings =
      configuration.typeVocabularySize > 0
      ? builder.table(keys.types, configuration.typeVocabularySize, embeddingWidth) : nil
    embeddingsNorm = builder.norm(keys.embeddingsNorm, embeddingWidth)
    embeddingsProjection =
      embeddingWidth != width ? builder.linear(keys.embeddingsProjection, width, embeddingWidth) : nil
    // Its gradient is complete when that of the embeddings is, so it lies among them.
    positionBias =
      switch configuration.attentionPositions {
      case .none: nil
      case .buckets(let rows): builder.table(keys.positionBias, rows, configuration.heads)
      }
    layers = (0..<configuration.layers).map { index in
      let start = builder.layout.count
      func key(_ name: String) -> String { "\(keys.layers)\(index).\(name)" }
      let qkv = builder.linears([keys.queries, keys.keys, keys.values].map(key), width, width)
      let attentionOutput = builder.linear(key(keys.attentionOutput), width, width)
      let attentionNorm = builder.norm(key(keys.attentionNorm), width)
      let intermediate = builder.linear(key(keys.intermediate), inner, width)
      let output = builder.linear(key(keys.output), width, inner)
      let outputNorm = builder.norm(key(keys.outputNorm), width)
      return LayerSlots(
        qkv: qkv, attentionOutput: attentionOutput, attentionNorm: attentionNorm, intermediate: intermediate,
        output: output, outputNorm: outputNorm, range: start..<builder.layout.count)
    }
    let headStart = builder.layout.count
    builder.prefix = ""
    builder.role = keys.headDenseIsPooler ? .pooler : .head
    headDense = builder.linear(keys.headDense, width, width)
    builder.role = .head
    classifier = builder.linear(keys.classifier, configuration.labels.count, width)
    headRange = headStart..<builder.layout.count
    layout = builder.layout
  }

  /// Where stretches of the gradient begin, in the order in which a backward pass completes them.
  package var completed: [Int] { [headRange.lowerBound] + layers.reversed().map(\.range.lowerBound) + [0] }
}

/// Appends parameters by kind.
private struct Builder {
  var layout: ParameterLayout
  var prefix: String
  var role = ParameterRole.backbone
  private let normal: ParameterInitializer

  init(_ configuration: EncoderConfiguration, layout: ParameterLayout) {
    self.layout = layout
    prefix = configuration.family.keys.prefix
    normal = .normal(deviation: configuration.initializerRange)
  }

  mutating func table(_ key: String, _ rows: Int, _ columns: Int, isLookup: Bool = false) -> Slot {
    layout.add(
      "\(prefix)\(key).weight", [rows, columns], role: role, initializer: normal, decays: true, isLookup: isLookup)
  }

  mutating func norm(_ key: String, _ width: Int) -> NormSlots {
    NormSlots(
      weight: layout.add("\(prefix)\(key).weight", [width], role: role, initializer: .ones, decays: false),
      bias: layout.add("\(prefix)\(key).bias", [width], role: role, decays: false))
  }

  mutating func linear(_ key: String, _ outputs: Int, _ inputs: Int) -> AffineSlots {
    linears([key], outputs, inputs)
  }

  /// Maps of one input, one below the other.
  mutating func linears(_ keys: [String], _ outputs: Int, _ inputs: Int) -> AffineSlots {
    // Weights first, then biases, so that each kind is contiguous.
    var weights: [Slot] = []
    var biases: [Slot] = []
    for key in keys {
      weights.append(
        layout.add("\(prefix)\(key).weight", [outputs, inputs], role: role, initializer: normal, decays: true))
    }
    for key in keys { biases.append(layout.add("\(prefix)\(key).bias", [outputs], role: role, decays: false)) }
    return AffineSlots(
      weight: Slot(offset: weights[0].offset, rows: keys.count * outputs, columns: inputs),
      bias: Slot(offset: biases[0].offset, rows: 1, columns: keys.count * outputs))
  }
}
