extension EncoderFamily {
  /// Devlin et al., 2019.
  package static let bert = EncoderFamily(
    modelType: "bert", name: "BERT", architecture: "BertForSequenceClassification",
    keys: ParameterKeys(
      prefix: "bert.", headDense: "bert.pooler.dense", headDenseIsPooler: true, classifier: "classifier"),
    defaults: { _ in },
    visit: { configuration, members in
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
