import JSON

extension EncoderFamily {
  /// Warner et al., 2024: norms before blocks, rotary positions, a gated feed-forward, and layers that see a window.
  static let modernbert = EncoderFamily(
    modelType: "modernbert", name: "ModernBERT", architecture: "ModernBertForSequenceClassification",
    keys: ParameterKeys(
      prefix: "model.", words: "embeddings.tok_embeddings", embeddingsNorm: "embeddings.norm", layers: "layers.",
      stackedProjections: "attn.Wqkv", attentionOutput: "attn.Wo", attentionNorm: "attn_norm",
      intermediate: "mlp.Wi", output: "mlp.Wo", outputNorm: "mlp_norm", headDense: "head.dense",
      classifier: "classifier"),
    tokenHead: TokenHead(hasDense: true),
    defaults: { configuration in
      configuration.vocabularySize = 50_368
      configuration.intermediateSize = 1_152
      configuration.layers = 22
      configuration.maxPositions = 8_192
      configuration.typeVocabularySize = 0
      configuration.layerNormEps = 1e-5
      configuration.padTokenId = 50_283
      configuration.hiddenDropout = 0
      configuration.attentionDropout = 0
      configuration.embeddingsDropout = 0
      configuration.classifierDropout = 0
      configuration.positions = .none
      configuration.attentionPositions = .rotary(globalBase: 160_000, localBase: 10_000)
      configuration.normPlace = .beforeBlocks
      configuration.dropoutPlaces = .attentionOutputAndInnerStates
      configuration.isGated = true
      configuration.hasAttentionBias = false
      configuration.hasFeedForwardBias = false
      configuration.hasNormBias = false
      configuration.head.activation = .gelu
      configuration.head.hasBias = false
      configuration.head.hasNorm = true
    },
    visit: { configuration, members in
      members.integer("vocab_size", &configuration.vocabularySize, in: 1...4_000_000, "size of the vocabulary")
      members.integer("hidden_size", &configuration.hiddenSize, in: 1...65_536, "width; a multiple of the heads")
      members.integer("num_hidden_layers", &configuration.layers, in: 1...256, "layers")
      members.integer("num_attention_heads", &configuration.heads, in: 1...65_536, "heads")
      members.integer("intermediate_size", &configuration.intermediateSize, in: 1...1_048_576, "feed-forward width")
      members.choice("hidden_activation", &configuration.activation, "feed-forward activation")
      members.visitMaxPositions(of: &configuration)
      members.fraction("norm_eps", &configuration.layerNormEps, "added to LayerNorm's variance")
      members.flag("norm_bias", &configuration.hasNormBias, "whether norms have biases")
      members.visitInitialization(of: &configuration)
      members.visitPadding(of: &configuration)
      members.flag("attention_bias", &configuration.hasAttentionBias, "whether the attention projections have biases")
      members.flag("mlp_bias", &configuration.hasFeedForwardBias, "whether the feed-forward layers have biases")
      members.visitSights(of: &configuration)
      members.visitRotation(of: &configuration)
      var embeddingsDropout = configuration.embeddingsDropout ?? configuration.hiddenDropout
      members.probability("embedding_dropout", &embeddingsDropout, "dropout of the embeddings")
      configuration.embeddingsDropout = embeddingsDropout
      members.probability(
        "attention_dropout", &configuration.attentionDropout,
        "of attention's weights and output, as `student.dropout.attention`, which takes precedence")
      members.probability(
        "mlp_dropout", &configuration.hiddenDropout,
        "of the feed-forward's inner states, as `student.dropout.hidden`, which takes precedence")
      var classifierDropout = configuration.classifierDropout ?? 0
      members.probability(
        "classifier_dropout", &classifierDropout, "as `student.dropout.classifier`, which takes precedence")
      configuration.classifierDropout = classifierDropout
      members.choice(
        "classifier_pooling", &configuration.head.pooling, "what the head reads: the first token, or the mean of all")
      members.choice("classifier_activation", &configuration.head.activation, "the head's activation")
      members.flag("classifier_bias", &configuration.head.hasBias, "whether the head's first layer has a bias")
    })
}

extension ConfigurationMembers {
  fileprivate func visitSights(of configuration: inout EncoderConfiguration) {
    integer("local_attention", &configuration.window, in: 1...1_048_576, "the window of local layers, in tokens")
    // The older spelling: every so many layers are global, from the first on.
    func sights(every period: Int) -> [LayerSight] {
      (0..<configuration.layers).map { $0 % period == 0 ? .global : .local }
    }
    let known = configuration.layerSights
    let current =
      known.isEmpty ? 3 : [3].first { sights(every: $0) == known } ?? (1...256).first { sights(every: $0) == known }
    if var period = current {
      integer("global_attn_every_n_layers", &period, in: 1...65_536, "one in so many layers attends to all tokens")
      configuration.layerSights = sights(every: period)
    }
    words(
      "layer_types", &configuration.layerSights,
      "the attention of each layer; takes precedence over `global_attn_every_n_layers`")
  }

  fileprivate func visitRotation(of configuration: inout EncoderConfiguration) {
    guard case .rotary(var global, var local) = configuration.attentionPositions else { return }
    number(["global_rope_theta"], &global, "base of the angles of global layers")
    number(["local_rope_theta"], &local, "base of the angles of local layers")
    only("rope_scaling", .null, remedy: "use a model without it")
    for (sight, keyPath) in [(LayerSight.global, \RotaryBases.global), (.local, \.local)] {
      var bases = RotaryBases(global: global, local: local)
      only(
        ["rope_parameters", sight.rawValue, "rope_type"], "default",
        remedy: "use a model with rotary positions as they are")
      number(["rope_parameters", sight.rawValue, "rope_theta"], &bases[keyPath: keyPath], "the same, and wins")
      (global, local) = (bases.global, bases.local)
    }
    configuration.attentionPositions = .rotary(globalBase: global, localBase: local)
  }
}

private struct RotaryBases {
  var global: Float
  var local: Float
}
