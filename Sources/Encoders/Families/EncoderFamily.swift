import JSON

/// A family of encoders as transformers knows it: what its `config.json` means, and what its parameters are called.
/// Each is a file beside this one; `all` is the only list of them.
package struct EncoderFamily: Sendable {
  /// `model_type` in `config.json`.
  package let modelType: String
  /// What people call it.
  package let name: String
  /// The class of transformers that a classifier is saved as.
  package let architecture: String
  let keys: ParameterKeys
  /// What the family calls the members that BERT calls otherwise, by BERT's names.
  let memberNames: [String: String]
  let tokenHead: TokenHead
  let setDefaults: @Sendable (inout EncoderConfiguration) -> Void
  /// Reads or writes every member of `config.json` that means something, in the order in which they are written.
  package let visit: @Sendable (inout EncoderConfiguration, any ConfigurationMembers) -> Void

  /// - Parameter defaults: sets what is not as BERT's: transformers' defaults, and the blocks that no member chooses.
  init(
    modelType: String, name: String, architecture: String, keys: ParameterKeys,
    memberNames: [String: String] = [:], tokenHead: TokenHead = TokenHead(),
    defaults: @escaping @Sendable (inout EncoderConfiguration) -> Void,
    visit: @escaping @Sendable (inout EncoderConfiguration, any ConfigurationMembers) -> Void
  ) {
    self.modelType = modelType
    self.name = name
    self.architecture = architecture
    self.keys = keys
    self.memberNames = memberNames
    self.tokenHead = tokenHead
    setDefaults = defaults
    self.visit = visit
  }

  package static let all: [EncoderFamily] = [
    .bert, .roberta, .camembert, .xlmRoberta, .distilbert, .electra, .mpnet, .debertaV2, .modernbert,
  ]

  package init?(modelType: String) {
    guard let family = Self.all.first(where: { $0.modelType == modelType }) else { return nil }
    self = family
  }
}

extension EncoderFamily: Equatable {
  package static func == (a: Self, b: Self) -> Bool { a.modelType == b.modelType }
}

/// The checkpoint keys of a family's parameters, without `.weight` and `.bias`.
struct ParameterKeys: Sendable {
  /// What stands before the backbone's keys in a model with a head: the name of the attribute.
  var prefix: String
  var words = "embeddings.word_embeddings"
  var positions = "embeddings.position_embeddings"
  var types = "embeddings.token_type_embeddings"
  var embeddingsNorm = "embeddings.LayerNorm"
  /// From the embeddings' width to the layers'.
  var embeddingsProjection = "embeddings_project"
  /// A table of numbers by distance that all layers add to their scores.
  var positionBias = "encoder.relative_attention_bias"
  /// A table of relative positions that all layers read, and its norm.
  var relativePositions = "encoder.rel_embeddings"
  var relativePositionsNorm = "encoder.LayerNorm"
  /// What stands before a layer's number.
  var layers = "encoder.layer."
  // In a layer, behind its number:
  var queries = "attention.self.query"
  var keys = "attention.self.key"
  var values = "attention.self.value"
  /// All three in one tensor, where a family has that.
  var stackedProjections: String?
  /// Maps of relative positions.
  var positionKeys = "attention.self.pos_key_proj"
  var positionQueries = "attention.self.pos_query_proj"
  var attentionOutput = "attention.output.dense"
  var attentionNorm = "attention.output.LayerNorm"
  var intermediate = "intermediate.dense"
  var output = "output.dense"
  var outputNorm = "output.LayerNorm"
  /// Behind the last layer.
  var finalNorm = "final_norm"
  // In the model, without the prefix:
  var headDense: String
  var headNorm = "head.norm"
  /// Whether files of the backbone alone may have it.
  var headDenseIsPooler = false
  var classifier: String
  /// Of a head for tokens.
  var tokenClassifier = "classifier"
}
