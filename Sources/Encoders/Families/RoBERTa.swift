extension EncoderFamily {
  /// Liu et al., 2019.
  static let roberta = roberta(
    modelType: "roberta", name: "RoBERTa", architecture: "RobertaForSequenceClassification", vocabularySize: 50_265)

  /// Martin et al., 2020: RoBERTa for French.
  static let camembert = roberta(
    modelType: "camembert", name: "CamemBERT", architecture: "CamembertForSequenceClassification",
    vocabularySize: 30_522)

  /// Conneau et al., 2020: RoBERTa for a hundred languages.
  static let xlmRoberta = roberta(
    modelType: "xlm-roberta", name: "XLM-RoBERTa", architecture: "XLMRobertaForSequenceClassification",
    vocabularySize: 30_522)

  private static func roberta(
    modelType: String, name: String, architecture: String, vocabularySize: Int
  ) -> EncoderFamily {
    EncoderFamily(
      modelType: modelType, name: name, architecture: architecture,
      keys: ParameterKeys(prefix: "roberta.", headDense: "classifier.dense", classifier: "classifier.out_proj"),
      defaults: { configuration in
        configuration.vocabularySize = vocabularySize
        configuration.padTokenId = 1
        configuration.positions = .behindPadding(id: 1)
        configuration.head.dropsInput = true
      },
      visit: { configuration, members in
        members.visitSizes(of: &configuration)
        members.visitClassifierDropout(of: &configuration)
        members.visitMaxPositions(of: &configuration)
        members.visitTypes(of: &configuration)
        members.visitNorm(of: &configuration)
        members.visitInitialization(of: &configuration)
        members.visitPadding(of: &configuration)
        configuration.positions = .behindPadding(id: configuration.padTokenId)
        members.visitAbsolutePositions()
        members.visitDecoding()
      })
  }
}
