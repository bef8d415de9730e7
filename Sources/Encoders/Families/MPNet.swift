extension EncoderFamily {
  /// Song et al., 2020: BERT with a bias by distance that all layers share.
  static let mpnet = EncoderFamily(
    modelType: "mpnet", name: "MPNet", architecture: "MPNetForSequenceClassification",
    keys: ParameterKeys(
      prefix: "mpnet.", positionBias: "encoder.relative_attention_bias", queries: "attention.attn.q",
      keys: "attention.attn.k", values: "attention.attn.v", attentionOutput: "attention.attn.o",
      attentionNorm: "attention.LayerNorm", headDense: "classifier.dense", classifier: "classifier.out_proj"),
    tokenHead: TokenHead(dropsAsHidden: true),
    defaults: { configuration in
      configuration.vocabularySize = 30_527
      configuration.typeVocabularySize = 0
      configuration.padTokenId = 1
      // Whatever the configuration says of the padding token's id.
      configuration.positions = .behindPadding(id: 1)
      configuration.attentionPositions = .buckets(rows: 32)
      configuration.head.dropsInput = true
    },
    visit: { configuration, members in
      members.visitSizes(of: &configuration)
      members.visitMaxPositions(of: &configuration)
      members.visitNorm(of: &configuration)
      members.visitInitialization(of: &configuration)
      var rows = 32
      if case .buckets(let current) = configuration.attentionPositions { rows = current }
      // transformers sorts distances into 32 buckets, whatever the table has.
      members.integer(
        "relative_attention_num_buckets", &rows, in: 32...65_536,
        "rows of the table of relative biases, of which 32 are used")
      configuration.attentionPositions = .buckets(rows: rows)
      members.visitPadding(of: &configuration)
    })
}
