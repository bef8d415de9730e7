import JSON

extension EncoderFamily {
  /// He et al., 2021, in both versions: what words say to each other and what their distance does are separate terms.
  static let debertaV2 = EncoderFamily(
    modelType: "deberta-v2", name: "DeBERTa-v2", architecture: "DebertaV2ForSequenceClassification",
    keys: ParameterKeys(
      prefix: "deberta.", embeddingsProjection: "embeddings.embed_proj", queries: "attention.self.query_proj",
      keys: "attention.self.key_proj", values: "attention.self.value_proj", headDense: "pooler.dense",
      classifier: "classifier"),
    tokenHead: TokenHead(dropsAsHidden: true),
    defaults: { configuration in
      configuration.vocabularySize = 128_100
      configuration.hiddenSize = 1_536
      configuration.layers = 24
      configuration.heads = 24
      configuration.intermediateSize = 6_144
      configuration.typeVocabularySize = 0
      configuration.layerNormEps = 1e-7
      configuration.projectsEmbeddingsFirst = true
      configuration.attentionPositions = .disentangled(Disentanglement())
      configuration.head.activation = .gelu
      configuration.head.dropsInput = true
      configuration.head.inputDropout = 0
    },
    visit: { configuration, members in
      members.visitSizes(of: &configuration)
      var embeddingSize = configuration.embeddingWidth
      members.integer(
        "embedding_size", &embeddingSize, in: 1...65_536, "width of the embeddings")
      configuration.embeddingSize = embeddingSize == configuration.hiddenSize ? nil : embeddingSize
      members.visitMaxPositions(of: &configuration)
      members.integer(
        "type_vocab_size", &configuration.typeVocabularySize, in: 0...65_536, "how many segment ids there are")
      members.visitNorm(of: &configuration)
      members.visitInitialization(of: &configuration)
      members.visitPadding(of: &configuration)
      var hasPositions = configuration.positions != .none
      members.flag(
        "position_biased_input", &hasPositions, "whether absolute position embeddings are added to word embeddings")
      configuration.positions = hasPositions ? .fromZero : .none
      members.visitDisentanglement(of: &configuration)
      members.probabilityOrNull(
        "cls_dropout", &configuration.classifierDropout,
        "as `student.dropout.classifier`, which takes precedence; null follows hidden")
      var poolerDropout = configuration.head.inputDropout ?? 0
      members.probability("pooler_dropout", &poolerDropout, "dropout of the pooler's input")
      configuration.head.inputDropout = poolerDropout
      members.choice("pooler_hidden_act", &configuration.head.activation, "the pooler's activation")
      for (key, value) in [
        ("pooler_hidden_size", configuration.hiddenSize), ("attention_head_size", configuration.headSize),
      ] {
        members.only(key, .integer(value), remedy: "use a model with this size")
      }
      members.only(
        "conv_kernel_size", 0, remedy: "convolution layers are not supported; use a DeBERTa-v3, which has none")
    })
}

extension ConfigurationMembers {
  fileprivate func visitDisentanglement(of configuration: inout EncoderConfiguration) {
    var own = configuration.disentanglement ?? Disentanglement()
    flag("relative_attention", &own.isOn, "whether attention scores use relative positions")
    var terms: [PositionTerm] = []
    if own.positionToContent { terms.append(.positionToContent) }
    if own.contentToPosition { terms.append(.contentToPosition) }
    words("pos_att_type", &terms, "which terms attention scores have besides content to content")
    own.positionToContent = terms.contains(.positionToContent)
    own.contentToPosition = terms.contains(.contentToPosition)
    flag("share_att_key", &own.sharesProjections, "whether positions share the projections of content")
    integer("position_buckets", &own.buckets, in: -1...65_536, "buckets of distances on either side; -1 for one each")
    integer(
      "max_relative_positions", &own.maxDistance, in: -1...1_048_576,
      "the farthest distance; -1 for `max_position_embeddings`")
    var norm = own.normalizesTable ? TableNorm.layerNorm : .none
    choice("norm_rel_ebd", &norm, "the norm of the relative position embeddings")
    own.normalizesTable = norm == .layerNorm
    configuration.attentionPositions = .disentangled(own)
  }
}

private enum PositionTerm: String, CaseIterable {
  case contentToPosition = "c2p"
  case positionToContent = "p2c"
}

private enum TableNorm: String, CaseIterable {
  case none
  case layerNorm = "layer_norm"
}
