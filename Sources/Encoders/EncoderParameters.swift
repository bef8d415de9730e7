import Kernels

/// Weight and bias of a linear map.
package struct AffineSlots: Sendable {
  package let weight: Slot
  package let bias: Slot?
}

/// gamma and beta of a LayerNorm.
package struct NormSlots: Sendable {
  package let weight: Slot
  package let bias: Slot?
}

/// One encoder layer's parameters.
package struct LayerSlots: Sendable {
  /// Query, key and value weights one below the other, so that one product computes all three. (3·hidden, hidden)
  package let qkv: AffineSlots
  package let attentionOutput: AffineSlots
  /// `nil` where attention reads its input as it is.
  package let attentionNorm: NormSlots?
  package let intermediate: AffineSlots
  package let output: AffineSlots
  package let outputNorm: NormSlots
  /// Maps of relative positions, where they have their own.
  let positionKeys: AffineSlots?
  let positionQueries: AffineSlots?
  /// All of them, as a stretch of the buffer.
  package let range: Range<Int>
}

/// Where each parameter of an encoder with its head lies in a layout, under its Hugging Face key.
package struct EncoderParameters: Sendable {
  package let wordEmbeddings: Slot
  let positionEmbeddings: Slot?
  let typeEmbeddings: Slot?
  let embeddingsNorm: NormSlots
  let embeddingsProjection: AffineSlots?
  /// A number for each bucket of distances and each head. (buckets, heads)
  let positionBias: Slot?
  /// Of relative positions. (2 · span, hidden)
  let relativePositions: Slot?
  let relativePositionsNorm: NormSlots?
  package let layers: [LayerSlots]
  let finalNorm: NormSlots?
  /// `nil` where the classifier reads hidden states as they are.
  let headDense: AffineSlots?
  let headNorm: NormSlots?
  /// `nil` where the head gives what it pools.
  package let classifier: AffineSlots?
  /// Of sentence vectors.
  package let vectorDense: AffineSlots?
  /// What follows the last layer: the prediction layer.
  package let headRange: Range<Int>

  /// Appends the model's parameters to `layout`.
  init(_ configuration: EncoderConfiguration, layout: inout ParameterLayout) {
    var builder = Builder(configuration, layout: layout)
    let keys = configuration.family.keys
    let (width, inner) = (configuration.hiddenSize, configuration.intermediateSize)
    let embeddingWidth = configuration.embeddingWidth

    wordEmbeddings = builder.table(keys.words, configuration.vocabularySize, embeddingWidth, isLookup: true)
    positionEmbeddings =
      configuration.positions == .none
      ? nil
      : builder.table(
        keys.positions, configuration.maxPositions, embeddingWidth,
        initializer: configuration.startsWithSines ? .sines : nil)
    typeEmbeddings =
      configuration.typeVocabularySize > 0
      ? builder.table(keys.types, configuration.typeVocabularySize, embeddingWidth) : nil
    let projectsFirst = configuration.projectsEmbeddingsFirst
    embeddingsNorm = builder.norm(keys.embeddingsNorm, projectsFirst ? width : embeddingWidth)
    embeddingsProjection =
      embeddingWidth != width
      ? builder.linear(keys.embeddingsProjection, width, embeddingWidth, hasBias: !projectsFirst) : nil
    // Its gradient is complete when that of the embeddings is, so it lies among them.
    positionBias =
      switch configuration.attentionPositions {
      case .buckets(let rows): builder.table(keys.positionBias, rows, configuration.heads)
      case .none, .disentangled, .rotary: nil
      }
    let disentanglement = configuration.disentanglement
    let readsTable = disentanglement?.isOn ?? false
    relativePositions =
      readsTable ? builder.table(keys.relativePositions, 2 * configuration.positionSpan, width) : nil
    relativePositionsNorm =
      disentanglement?.normalizesTable ?? false ? builder.norm(keys.relativePositionsNorm, width) : nil
    let ownPositions = readsTable && disentanglement?.sharesProjections == false ? disentanglement : nil
    layers = (0..<configuration.layers).map { index in
      let start = builder.layout.count
      func key(_ name: String) -> String { "\(keys.layers)\(index).\(name)" }
      let hasAttentionBias = configuration.hasAttentionBias
      let qkv =
        keys.stackedProjections.map { builder.linear(key($0), 3 * width, width, hasBias: hasAttentionBias) }
        ?? builder.linears([keys.queries, keys.keys, keys.values].map(key), width, width, hasBias: hasAttentionBias)
      let attentionOutput = builder.linear(key(keys.attentionOutput), width, width, hasBias: hasAttentionBias)
      let hasNorm = configuration.normPlace == .behindSums || index > 0
      let attentionNorm = hasNorm ? builder.norm(key(keys.attentionNorm), width) : nil
      let hasInnerBias = configuration.hasFeedForwardBias
      let intermediate = builder.linear(
        key(keys.intermediate), configuration.isGated ? 2 * inner : inner, width, hasBias: hasInnerBias)
      let output = builder.linear(key(keys.output), width, inner, hasBias: hasInnerBias)
      let outputNorm = builder.norm(key(keys.outputNorm), width)
      let positionKeys =
        ownPositions?.contentToPosition ?? false ? builder.linear(key(keys.positionKeys), width, width) : nil
      let positionQueries =
        ownPositions?.positionToContent ?? false ? builder.linear(key(keys.positionQueries), width, width) : nil
      return LayerSlots(
        qkv: qkv, attentionOutput: attentionOutput, attentionNorm: attentionNorm, intermediate: intermediate,
        output: output, outputNorm: outputNorm, positionKeys: positionKeys, positionQueries: positionQueries,
        range: start..<builder.layout.count)
    }
    // Its gradient is complete before the last layer's.
    finalNorm = configuration.normPlace == .beforeBlocks ? builder.norm(keys.finalNorm, width) : nil
    let headStart = builder.layout.count
    builder.prefix = ""
    builder.role = keys.headDenseIsPooler ? .pooler : .head
    let hasDense = configuration.hasHeadDense
    headDense = hasDense ? builder.linear(keys.headDense, width, width, hasBias: configuration.head.hasBias) : nil
    headNorm = hasDense && configuration.head.hasNorm ? builder.norm(keys.headNorm, width) : nil
    builder.role = .head
    classifier =
      !configuration.problem.hasHead
      ? nil
      : builder.linear(
        configuration.problem == .tokens ? keys.tokenClassifier : keys.classifier, configuration.labels.count, width)
    builder.folder = SentenceVectorShape.Dense.folder
    let dense = configuration.problem == .embedding ? configuration.vector.dense : nil
    vectorDense = dense.map {
      builder.linear("\(SentenceVectorShape.Dense.folder).linear", $0.width, width, hasBias: $0.hasBias)
    }
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
  var folder: String?
  private let normal: ParameterInitializer
  private let hasNormBias: Bool

  init(_ configuration: EncoderConfiguration, layout: ParameterLayout) {
    self.layout = layout
    prefix = configuration.family.keys.prefix
    normal = .normal(deviation: configuration.initializerRange)
    hasNormBias = configuration.hasNormBias
  }

  mutating func table(
    _ key: String, _ rows: Int, _ columns: Int, initializer: ParameterInitializer? = nil, isLookup: Bool = false
  ) -> Slot {
    layout.add(
      "\(prefix)\(key).weight", [rows, columns], role: role, initializer: initializer ?? normal, decays: true,
      isLookup: isLookup)
  }

  mutating func norm(_ key: String, _ width: Int) -> NormSlots {
    NormSlots(
      weight: layout.add("\(prefix)\(key).weight", [width], role: role, initializer: .ones, decays: false),
      bias: hasNormBias ? layout.add("\(prefix)\(key).bias", [width], role: role, decays: false) : nil)
  }

  mutating func linear(_ key: String, _ outputs: Int, _ inputs: Int, hasBias: Bool = true) -> AffineSlots {
    linears([key], outputs, inputs, hasBias: hasBias)
  }

  /// Maps of one input, one below the other.
  mutating func linears(_ keys: [String], _ outputs: Int, _ inputs: Int, hasBias: Bool) -> AffineSlots {
    // Weights first, then biases, so that each kind is contiguous.
    var weights: [Slot] = []
    var biases: [Slot] = []
    for key in keys {
      weights.append(
        layout.add(
          "\(prefix)\(key).weight", [outputs, inputs], role: role, initializer: normal, decays: true, folder: folder))
    }
    for key in keys where hasBias {
      biases.append(layout.add("\(prefix)\(key).bias", [outputs], role: role, decays: false, folder: folder))
    }
    return AffineSlots(
      weight: Slot(offset: weights[0].offset, rows: keys.count * outputs, columns: inputs),
      bias: biases.first.map { Slot(offset: $0.offset, rows: 1, columns: keys.count * outputs) })
  }
}
