import Kernels

/// Weight and bias of a linear map, or gamma and beta of a LayerNorm.
package struct AffineSlots: Sendable {
  package let weight: Slot
  package let bias: Slot
}

/// One encoder layer's parameters.
package struct LayerSlots: Sendable {
  /// Query, key and value weights one below the other, so that one product computes all three. (3·hidden, hidden)
  package let qkv: AffineSlots
  package let attentionOutput: AffineSlots
  package let attentionNorm: AffineSlots
  package let intermediate: AffineSlots
  package let output: AffineSlots
  package let outputNorm: AffineSlots
}

/// Where each parameter of BertForSequenceClassification lies in a layout, under its Hugging Face key.
package struct EncoderParameters: Sendable {
  package let wordEmbeddings: Slot
  package let positionEmbeddings: Slot
  package let typeEmbeddings: Slot
  package let embeddingsNorm: AffineSlots
  package let layers: [LayerSlots]
  package let pooler: AffineSlots
  package let classifier: AffineSlots
  /// Embeddings and layers, as a stretch of the buffer.
  package let encoderRange: Range<Int>
  /// Pooler and classifier: the prediction layer.
  package let headRange: Range<Int>

  /// Appends the model's parameters to `layout`.
  package init(_ configuration: EncoderConfiguration, layout: inout ParameterLayout) {
    let width = configuration.hiddenSize
    let inner = configuration.intermediateSize
    let start = layout.count

    let normal = ParameterInitializer.normal(deviation: configuration.initializerRange)
    func affine(_ prefix: String, _ shape: [Int], role: ParameterRole = .backbone) -> AffineSlots {
      let isNorm = shape.count == 1
      return AffineSlots(
        weight: layout.add(
          "\(prefix).weight", shape, role: role, initializer: isNorm ? .ones : normal, decays: !isNorm),
        bias: layout.add("\(prefix).bias", [shape[0]], role: role, decays: false))
    }

    func embedding(_ name: String, _ rows: Int, isLookup: Bool = false) -> Slot {
      layout.add(
        "bert.embeddings.\(name)_embeddings.weight", [rows, width], initializer: normal, decays: true,
        isLookup: isLookup)
    }
    wordEmbeddings = embedding("word", configuration.vocabularySize, isLookup: true)
    positionEmbeddings = embedding("position", configuration.maxPositions)
    typeEmbeddings = embedding("token_type", configuration.typeVocabularySize)
    embeddingsNorm = affine("bert.embeddings.LayerNorm", [width])

    layers = (0..<configuration.layers).map { index in
      let prefix = "bert.encoder.layer.\(index)"
      let parts = ["query", "key", "value"].map { "\(prefix).attention.self.\($0)" }
      // Weights first, then biases, so that each trio is contiguous.
      let weights = parts.map { layout.add("\($0).weight", [width, width], initializer: normal, decays: true) }
      let biases = parts.map { layout.add("\($0).bias", [width], decays: false) }
      return LayerSlots(
        qkv: AffineSlots(
          weight: Slot(offset: weights[0].offset, rows: 3 * width, columns: width),
          bias: Slot(offset: biases[0].offset, rows: 1, columns: 3 * width)),
        attentionOutput: affine("\(prefix).attention.output.dense", [width, width]),
        attentionNorm: affine("\(prefix).attention.output.LayerNorm", [width]),
        intermediate: affine("\(prefix).intermediate.dense", [inner, width]),
        output: affine("\(prefix).output.dense", [width, inner]),
        outputNorm: affine("\(prefix).output.LayerNorm", [width]))
    }
    encoderRange = start..<layout.count
    pooler = affine("bert.pooler.dense", [width, width], role: .pooler)
    classifier = affine("classifier", [configuration.labels.count, width], role: .head)
    headRange = encoderRange.upperBound..<layout.count
  }
}
