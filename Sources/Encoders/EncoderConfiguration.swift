import Kernels

/// The hyperparameters of a BERT encoder with a sequence-classification head, named as in Hugging Face's `config.json`.
package struct EncoderConfiguration: Sendable, Equatable {
  package typealias Activation = Kernels.Activation

  package var vocabularySize = 30_522
  package var hiddenSize = 768
  package var layers = 12
  package var heads = 12
  package var intermediateSize = 3_072
  /// The feed-forward activation (`hidden_act`).
  package var activation = Activation.gelu
  package var hiddenDropout: Float = 0.1
  package var attentionDropout: Float = 0.1
  /// `nil` follows `hiddenDropout`, as `classifier_dropout: null` does.
  package var classifierDropout: Float?
  package var maxPositions = 512
  package var typeVocabularySize = 2
  package var layerNormEps: Float = 1e-12
  package var initializerRange: Float = 0.02
  package var padTokenId = 0
  /// The classes in order of their id (`id2label`).
  package var labels: [String] = ["LABEL_0", "LABEL_1"]

  package init() {}

  package var headSize: Int { hiddenSize / heads }
}
