/// One entry of a stage's `adaptors` list: which loss, how much it counts, and between which layers.
package struct AdaptorSettings: Sendable, Equatable {
  /// The adaptors of Transformer Distiller, by the names its users write.
  package enum Kind: String, Sendable, CaseIterable {
    case attnMiniLM = "AttnMiniLM"
    case attnTinyBERT = "AttnTinyBERT"
    case valMiniLM = "ValMiniLM"
    case hidnTinyBERT = "HidnTinyBERT"
    case embdTinyBERT = "EmbdTinyBERT"
    case hidnPKD = "HidnPKD"
    case logitMSE = "LogitMSE"
    case logitCE = "LogitCE"
  }

  /// What `AttnTinyBERT` and `LogitMSE` compare.
  package enum Quantity: String, Sendable, CaseIterable {
    case probabilities
    /// Attention scores before the softmax (`AttnTinyBERT`).
    case scores
    /// Logits divided by the temperature (`LogitMSE`).
    case logits
  }

  /// When a bias-free linear map carries student hidden states to the teacher's width.
  package enum Projection: String, Sendable, CaseIterable {
    /// Where the widths differ.
    case auto
    case always
    /// Differing widths are an error.
    case never
  }

  package var kind: Kind
  package var weight: Double = 1
  package var layers = LayerMapSettings.last
  package var on = Quantity.probabilities
  package var temperature: Double = 4
  /// Whether logit losses are multiplied by the temperature's square.
  package var temperatureScaling = true
  package var projection = Projection.auto
  /// One projection for each layer pair rather than one for the adaptor.
  package var perLayer = false

  package init(kind: Kind) { self.kind = kind }
}

/// How student layers are paired with teacher layers.
package enum LayerMapSettings: Sendable, Equatable {
  /// The last layers: student S−i with teacher L−i.
  case last
  /// Student i with teacher i·L/S; L must be a multiple of S.
  case uniform
  /// As `uniform` without the last layer (Patient-KD).
  case skip
  /// (student, teacher) pairs from 1; 0 is the embeddings' output, for hidden states only.
  case pairs([LayerPair])
}

/// A student layer and the teacher layer it learns from, from 1; 0 is the embeddings' output.
package struct LayerPair: Sendable, Equatable {
  package let student: Int
  package let teacher: Int

  package init(student: Int, teacher: Int) {
    self.student = student
    self.teacher = teacher
  }
}
