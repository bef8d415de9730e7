extension EncoderFamily {
  /// Clark et al., 2020; its embeddings may be narrower than its layers.
  static let electra = EncoderFamily(
    modelType: "electra", name: "ELECTRA", architecture: "ElectraForSequenceClassification",
    keys: ParameterKeys(prefix: "electra.", headDense: "classifier.dense", classifier: "classifier.out_proj"),
    defaults: { configuration in
      configuration.embeddingSize = 128
      configuration.hiddenSize = 256
      configuration.heads = 4
      configuration.intermediateSize = 1_024
      configuration.head.activation = .gelu
      configuration.head.dropsInput = true
    },
    visit: { configuration, members in
      var embeddingSize = configuration.embeddingWidth
      members.integer("embedding_size", &embeddingSize, in: 1...65_536, "width of the embeddings")
      configuration.embeddingSize = embeddingSize
      members.visitSizes(of: &configuration)
      members.visitClassifierDropout(of: &configuration)
      members.visitMaxPositions(of: &configuration)
      members.visitTypes(of: &configuration)
      members.visitNorm(of: &configuration)
      members.visitInitialization(of: &configuration)
      members.visitPadding(of: &configuration)
      members.visitAbsolutePositions()
      members.visitDecoding()
    })
}
