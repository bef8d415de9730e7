extension AdaptorKind {
  /// Every adaptor there is, in the order of the documentation. The only list of them.
  package static let all: [AdaptorKind] = [
    AttentionDivergence.kind, AttentionError.kind, AttentionMeanDivergence.kind, AttentionSumError.kind,
    RelationDivergence.valuesKind, RelationDivergence.kind, HiddenError.kind, HiddenError.embeddingsKind,
    HiddenCosine.kind, HiddenDirection.kind, GramError.kind, TokenSimilarityError.kind, LogitError.kind,
    LogitCrossEntropy.kind, EmbeddingError.kind, EmbeddingCosine.kind, SimilarityError.kind,
    MarginError.kind,
  ]
}
