import Kernels

/// What an encoder with a classification head is made of: sizes, and the choices its blocks offer. A family
/// (`EncoderFamily`) says which of it stands in `config.json`, and under which names.
package struct EncoderConfiguration: Sendable, Equatable {
  package typealias Activation = Kernels.Activation

  package var family = EncoderFamily.bert
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
  /// The rows of the table of positions, of which a family may not use the first.
  package var maxPositions = 512
  /// 0 where a family tells no segments apart.
  package var typeVocabularySize = 2
  package var layerNormEps: Float = 1e-12
  package var initializerRange: Float = 0.02
  package var padTokenId = 0
  /// The classes in order of their id (`id2label`).
  package var labels: [String] = ["LABEL_0", "LABEL_1"]

  // MARK: Blocks

  /// The width of the embeddings, which a linear map carries to `hiddenSize`; `nil` where it is that.
  package var embeddingSize: Int?
  package var positions = PositionEmbeddings.fromZero
  package var attentionPositions = AttentionPositions.none
  /// Whether dropout applies to what attention adds to its input; it always does to what the feed-forward adds.
  package var dropsAttentionOutput = true
  package var head = HeadShape()

  /// BERT's, with BERT's defaults.
  package init() {}

  /// A family's, with its defaults.
  package init(family: EncoderFamily) {
    self.init()
    self.family = family
    family.setDefaults(&self)
  }

  package var headSize: Int { hiddenSize / heads }
  package var embeddingWidth: Int { embeddingSize ?? hiddenSize }

  /// The most tokens of a sentence.
  package var maxLength: Int { maxPositions - positions.first }
}

/// Which row of the table of positions a token reads.
package enum PositionEmbeddings: Sendable, Equatable {
  /// The first token row 0, and so on.
  case fromZero
  /// fairseq's count: the first token reads the row behind that of the padding token's id. A padding token in the text
  /// reads the row of its id, and does not count.
  case behindPadding(id: Int)

  /// The first token's row.
  var first: Int {
    switch self {
    case .fromZero: 0
    case .behindPadding(let id): id + 1
    }
  }
}

/// What attention scores know of where their two tokens are.
package enum AttentionPositions: Sendable, Equatable {
  /// Nothing: the embeddings know.
  case none
  /// A number for each head and each bucket of distances, the same in all layers.
  case buckets(rows: Int)
}

/// How a head makes logits of the last layer's output at a sentence's first token:
/// logits = dropout(f(dropout(h)·W + b))·Wc + bc.
package struct HeadShape: Sendable, Equatable {
  package enum Activation: Sendable {
    case tanh
    case gelu
    case relu
  }

  package var activation = Activation.tanh
  /// Whether dropout applies to h too.
  package var dropsInput = false

  package init() {}
}
