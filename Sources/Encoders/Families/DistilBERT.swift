extension EncoderFamily {
  /// Sanh et al., 2019: BERT without segments, pooler and half of its layers.
  static let distilbert = EncoderFamily(
    modelType: "distilbert", name: "DistilBERT", architecture: "DistilBertForSequenceClassification",
    keys: ParameterKeys(
      prefix: "distilbert.", layers: "transformer.layer.", queries: "attention.q_lin", keys: "attention.k_lin",
      values: "attention.v_lin", attentionOutput: "attention.out_lin", attentionNorm: "sa_layer_norm",
      intermediate: "ffn.lin1", output: "ffn.lin2", outputNorm: "output_layer_norm", headDense: "pre_classifier",
      classifier: "classifier"),
    memberNames: [
      "hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads",
      "intermediate_size": "hidden_dim",
    ], tokenHead: TokenHead(dropsAsHidden: true),
    defaults: { configuration in
      configuration.layers = 6
      configuration.classifierDropout = 0.2
      configuration.typeVocabularySize = 0
      configuration.dropoutPlaces = .feedForwardOutput
      configuration.head.activation = .relu
    },
    visit: { configuration, members in
      members.integer("vocab_size", &configuration.vocabularySize, in: 1...4_000_000, "size of the vocabulary")
      members.integer("dim", &configuration.hiddenSize, in: 1...65_536, "width; a multiple of the heads")
      members.integer("n_layers", &configuration.layers, in: 1...256, "layers")
      members.integer("n_heads", &configuration.heads, in: 1...65_536, "heads")
      members.integer("hidden_dim", &configuration.intermediateSize, in: 1...1_048_576, "feed-forward width")
      members.choice("activation", &configuration.activation, "feed-forward activation")
      members.probability(
        "dropout", &configuration.hiddenDropout, "as `student.dropout.hidden`, which takes precedence")
      members.probability(
        "attention_dropout", &configuration.attentionDropout, "as `student.dropout.attention`, which takes precedence")
      var classifierDropout = configuration.classifierDropout ?? 0.2
      members.probability(
        "seq_classif_dropout", &classifierDropout, "as `student.dropout.classifier`, which takes precedence")
      configuration.classifierDropout = classifierDropout
      members.visitMaxPositions(of: &configuration)
      members.visitInitialization(of: &configuration)
      members.visitPadding(of: &configuration)
      members.flag(
        "sinusoidal_pos_embds", &configuration.startsWithSines,
        "whether a new table of positions is of sines and cosines; it is saved and trained like any other")
    })
}
