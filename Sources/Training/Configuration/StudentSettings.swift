import Encoders
import Text

/// The model that is trained: where its weights start and what its head and dropout are.
package struct StudentSettings: Sendable, Equatable {
  package enum Source: Sendable, Equatable {
    /// A Hugging Face model directory (`model`).
    case model(String)
    /// The teacher's embeddings, head and these of its layers, from 1, ascending (`fromTeacher.layers`).
    case teacherLayers([Int])
    /// New random weights of this shape (`config`). Its `labels` are not set here: they are the task's.
    case fresh(EncoderConfiguration)
  }

  /// What to do about the classification head.
  package enum Head: String, Sendable, CaseIterable {
    /// The source must have one of the task's size.
    case required
    /// Initialised, with a notice, where the source has none.
    case newIfMissing
    /// Always initialised anew.
    case new
  }

  package var source: Source
  /// Of `model`, the layers that are read, from 1, ascending; `nil` reads all.
  package var layers: [Int]?
  /// Of `fromTeacher`, the hidden dimensions that are kept; `nil` keeps all.
  package var hidden: Int?
  /// The directory whose tokenizer the student uses; `nil` takes that of `model`, else the teacher's.
  package var tokenizer: String?
  /// Keeps a part of that tokenizer's tokens; `nil` keeps all.
  package var vocabulary: Vocabulary?
  package var head = Head.newIfMissing
  package var dropout = DropoutSettings()

  package init(source: Source) { self.source = source }

  /// Which of a tokenizer's tokens a student keeps.
  package struct Vocabulary: Sendable, Equatable {
    /// How many.
    package var keep: Int
    /// The texts whose most used tokens these are; none for those that the run learns from.
    package var from: [DatasetSource] = []
  }

  /// Whether it starts from what the teacher has.
  var isOfTeacher: Bool {
    if case .model = source { false } else { true }
  }
}

/// Dropout probabilities in [0, 1) that replace those of the student's own configuration; `nil` keeps them.
package struct DropoutSettings: Sendable, Equatable {
  /// After embeddings, attention outputs and feed-forward outputs (`hidden_dropout_prob`).
  package var hidden: Float?
  /// On attention probabilities (`attention_probs_dropout_prob`).
  package var attention: Float?
  /// Before the classification head (`classifier_dropout`).
  package var classifier: Float?

  package init() {}
}
