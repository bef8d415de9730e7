import JSON

/// The members of a `config.json`, or the keys of a run's `student.config`, as a family visits them: reading sets
/// `value` where there is something else, writing takes it.
package protocol ConfigurationMembers {
  /// - Parameter meaning: half a sentence in Markdown, for the reference.
  func integer(_ key: String, _ value: inout Int, in range: ClosedRange<Int>, _ meaning: String)
  /// From 0 to below 1.
  func probability(_ key: String, _ value: inout Float, _ meaning: String)
  /// The same or null.
  func probabilityOrNull(_ key: String, _ value: inout Float?, _ meaning: String)
  /// Above 0, at most 1.
  func fraction(_ key: String, _ value: inout Float, _ meaning: String)
  /// Above 0, at most a billion. A key in an object is given by the keys on the way to it.
  func number(_ keys: [String], _ value: inout Float, _ meaning: String)
  func flag(_ key: String, _ value: inout Bool, _ meaning: String)
  func choice<Value: RawRepresentable & CaseIterable & Sendable>(_ key: String, _ value: inout Value, _ meaning: String)
  where Value.RawValue == String
  /// A list of words. Texts that join them by bars are read too.
  func words<Value: RawRepresentable & CaseIterable & Sendable>(
    _ key: String, _ values: inout [Value], _ meaning: String
  ) where Value.RawValue == String
  /// A switch that the code knows in one position. Absent means so.
  ///
  /// - Parameter remedy: what to do about another.
  func only(_ keys: [String], _ value: JSON, remedy: String)
}

extension ConfigurationMembers {
  func only(_ key: String, _ value: JSON, remedy: String) { only([key], value, remedy: remedy) }
}

extension ConfigurationMembers {
  /// What BERT and most families after it call alike.
  func visitSizes(of configuration: inout EncoderConfiguration) {
    integer("vocab_size", &configuration.vocabularySize, in: 1...4_000_000, "size of the vocabulary")
    integer("hidden_size", &configuration.hiddenSize, in: 1...65_536, "width; a multiple of the heads")
    integer("num_hidden_layers", &configuration.layers, in: 1...256, "layers")
    integer("num_attention_heads", &configuration.heads, in: 1...65_536, "heads")
    integer("intermediate_size", &configuration.intermediateSize, in: 1...1_048_576, "feed-forward width")
    choice("hidden_act", &configuration.activation, "feed-forward activation")
    probability(
      "hidden_dropout_prob", &configuration.hiddenDropout, "as `student.dropout.hidden`, which takes precedence")
    probability(
      "attention_probs_dropout_prob", &configuration.attentionDropout,
      "as `student.dropout.attention`, which takes precedence")
  }

  func visitClassifierDropout(of configuration: inout EncoderConfiguration) {
    probabilityOrNull(
      "classifier_dropout", &configuration.classifierDropout,
      "as `student.dropout.classifier`, which takes precedence; null follows hidden")
  }

  func visitMaxPositions(of configuration: inout EncoderConfiguration) {
    integer(
      "max_position_embeddings", &configuration.maxPositions, in: 3...1_048_576, "the most positions")
  }

  func visitTypes(of configuration: inout EncoderConfiguration) {
    integer("type_vocab_size", &configuration.typeVocabularySize, in: 1...65_536, "how many segment ids there are")
  }

  func visitNorm(of configuration: inout EncoderConfiguration) {
    fraction("layer_norm_eps", &configuration.layerNormEps, "added to LayerNorm's variance")
  }

  func visitInitialization(of configuration: inout EncoderConfiguration) {
    fraction("initializer_range", &configuration.initializerRange, "standard deviation of new weights")
  }

  func visitPadding(of configuration: inout EncoderConfiguration) {
    integer("pad_token_id", &configuration.padTokenId, in: 0...4_000_000, "the padding token's id")
  }

  /// Switches that models of any family may have set.
  func visitDecoding() {
    for key in ["is_decoder", "add_cross_attention"] { only(key, false, remedy: "use an encoder") }
  }

  func visitAbsolutePositions() {
    only("position_embedding_type", "absolute", remedy: "use a model with these")
  }
}
