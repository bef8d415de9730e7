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
  /// Of the embeddings; `nil` follows `hiddenDropout`.
  package var embeddingsDropout: Float?
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
  package var problem = Problem.singleLabel
  /// Of a model that scores pairs.
  package var pairScore = PairScore.sigmoid
  /// Of a model of sentence vectors.
  package var vector = SentenceVectorShape()

  // MARK: Blocks

  /// The width of the embeddings, which a linear map carries to `hiddenSize`; `nil` where it is that.
  package var embeddingSize: Int?
  /// Whether that map is without bias and before the embeddings' norm rather than behind it.
  package var projectsEmbeddingsFirst = false
  package var positions = PositionEmbeddings.fromZero
  /// Whether a new table of positions holds sines and cosines; it is trained like any other.
  package var startsWithSines = false
  package var attentionPositions = AttentionPositions.none
  /// What each layer's tokens see of their sentence; empty where all see all of it.
  package var layerSights: [LayerSight] = []
  /// The tokens of a window: a token of a local layer sees half as many on either side.
  package var window = 128
  package var normPlace = NormPlace.behindSums
  package var dropoutPlaces = DropoutPlaces.outputs
  /// Whether the feed-forward's inner states are multiplied by a gate of the same input.
  package var isGated = false
  package var hasAttentionBias = true
  package var hasFeedForwardBias = true
  package var hasNormBias = true
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
  /// Whether the backbone gives something else each time it is trained.
  package var backboneDrops: Bool { max(hiddenDropout, attentionDropout, embeddingsDropout ?? 0) > 0 }

  /// Sets what `student.dropout.hidden` says.
  package mutating func setHiddenDropout(_ rate: Float) { (hiddenDropout, embeddingsDropout) = (rate, nil) }

  /// A model of some of this one's layers, from 0.
  package func picking(layers picked: [Int]) -> EncoderConfiguration {
    var copy = self
    copy.layers = picked.count
    if layerSights.count == layers { copy.layerSights = picked.map { layerSights[$0] } }
    return copy
  }

  /// A model of some heads of the same size, and as much less of everything inside layers.
  package func narrowed(toHeads kept: Int) -> EncoderConfiguration {
    var copy = self
    (copy.hiddenSize, copy.heads) = (kept * headSize, kept)
    copy.intermediateSize = max(1, intermediateSize * kept / heads)
    if embeddingSize == hiddenSize { copy.embeddingSize = nil }
    return copy
  }

  /// How far from itself a token of a layer, from 0, sees; `nil` for everywhere.
  package func reach(ofLayer layer: Int) -> Int? { layerSights[layer, default: .global] == .local ? window / 2 : nil }
  package var embeddingWidth: Int { embeddingSize ?? hiddenSize }

  /// The most tokens of a sentence.
  package var maxLength: Int { maxPositions - positions.first }
}

extension [LayerSight] {
  fileprivate subscript(index: Int, default sight: LayerSight) -> LayerSight {
    indices.contains(index) ? self[index] : sight
  }
}

/// How far a layer's tokens see (`layer_types`).
package enum LayerSight: String, Sendable, CaseIterable {
  case global = "full_attention"
  case local = "sliding_attention"
}

/// Where a layer normalizes.
package enum NormPlace: Sendable {
  /// h = LayerNorm(x + attention(x)), out = LayerNorm(h + feedForward(h)).
  case behindSums
  /// h = x + attention(LayerNorm(x)), out = h + feedForward(LayerNorm(h)). The first layer reads the embeddings as they
  /// are, and the last one's output is normalized.
  case beforeBlocks
}

/// What of a layer dropout applies to besides attention's probabilities.
package enum DropoutPlaces: Sendable {
  /// What attention and the feed-forward add, with `hiddenDropout`.
  case outputs
  /// What the feed-forward adds alone.
  case feedForwardOutput
  /// What attention adds, with `attentionDropout`, and the feed-forward's inner states, with `hiddenDropout`.
  case attentionOutputAndInnerStates
}

/// Which row of the table of positions a token reads.
package enum PositionEmbeddings: Sendable, Equatable {
  /// There is no table.
  case none
  /// The first token row 0, and so on.
  case fromZero
  /// fairseq's count: the first token reads the row behind that of the padding token's id. A padding token in the text
  /// reads the row of its id, and does not count.
  case behindPadding(id: Int)

  /// The first token's row.
  var first: Int {
    switch self {
    case .none, .fromZero: 0
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
  /// What content and a table of relative positions say of each other.
  case disentangled(Disentanglement)
  /// Queries and keys are turned by their position, with a base of the angles for layers of each sight.
  case rotary(globalBase: Float, localBase: Float)
}

/// DeBERTa's relative positions (He et al., 2021).
package struct Disentanglement: Sendable, Equatable {
  /// `relative_attention`; without it the terms only count in the scores' scale.
  package var isOn = false
  package var contentToPosition = false
  package var positionToContent = false
  /// Whether positions are projected by the maps of the content's queries and keys.
  package var sharesProjections = false
  /// `position_buckets`: 0 or less for none.
  package var buckets = -1
  /// `max_relative_positions`: 0 or less for `max_position_embeddings`.
  package var maxDistance = -1
  package var normalizesTable = false

  package init() {}

  /// Scores are divided by √(headSize · terms).
  var terms: Int { 1 + (contentToPosition ? 1 : 0) + (positionToContent ? 1 : 0) }
}

/// How a head makes logits of the last layer's output at a sentence's first token:
/// logits = dropout(norm(f(dropout(h)·W + b)))·Wc + bc; or of the mean of its output at all tokens.
package struct HeadShape: Sendable, Equatable {
  package enum Activation: String, Sendable, CaseIterable {
    case tanh
    case gelu
    case relu
  }

  package enum Pooling: String, Sendable, CaseIterable {
    /// The first token.
    case cls
    case mean
  }

  package var activation = Activation.tanh
  /// Whether dropout applies to h too.
  package var dropsInput = false
  /// With which rate; `nil` follows the classifier's.
  package var inputDropout: Float?
  package var pooling = Pooling.cls
  package var hasBias = true
  package var hasNorm = false

  package init() {}
}
