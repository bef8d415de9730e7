import Encoders
import Kernels
import Text

/// What losses are divided by: sums over the global batch (or a whole validation set), known from sentence lengths
/// before anything is computed, and so the same on every rank.
package struct GlobalCounts: Sendable, Equatable {
  package let sentences: Int
  /// What the hard loss counts: sentences with a label, each as much as its class, or all numbers that these have.
  package let targets: Double
  package let tokens: Int
  /// Σ length²: pairs of tokens of the same sentence.
  package let tokenPairs: Int
  /// B²: pairs of sentences of the same global batch.
  package let sentencePairs: Int
  /// Pairs of rows of a group of the same global batch whose labels differ, where they are compared.
  package let margins: Int
  /// The same of words, where models with other tokens are compared by them.
  private let words: (count: Int, pairs: Int)?

  /// - Parameters:
  ///   - targets: how many there are; nil for one of each sentence.
  ///   - words: of each sentence; nil where nothing is compared by words.
  ///   - sentencePairs: nil where all sentences are of one global batch.
  ///   - margins: 0 where nobody compares them.
  package init<Lengths: Sequence>(
    lengths: Lengths, targets: Double? = nil, words: [Int]? = nil, sentencePairs: Int? = nil,
    margins: Int = 0
  ) where Lengths.Element == Int {
    var (sentences, tokens, tokenPairs) = (0, 0, 0)
    for length in lengths {
      sentences += 1
      tokens += length
      tokenPairs += length * length
    }
    (self.sentences, self.tokens, self.tokenPairs) = (sentences, tokens, tokenPairs)
    self.targets = targets ?? Double(sentences)
    self.sentencePairs = sentencePairs ?? sentences * sentences
    self.margins = margins
    self.words = words.map { words in (words.reduce(0, +), words.reduce(0) { $0 + $1 * $1 }) }
  }

  /// With words in the place of tokens, where there are any.
  var ofWords: GlobalCounts { words.map { GlobalCounts(self, tokens: $0.count, tokenPairs: $0.pairs) } ?? self }

  private init(_ counts: GlobalCounts, tokens: Int, tokenPairs: Int) {
    (sentences, targets) = (counts.sentences, counts.targets)
    (sentencePairs, margins) = (counts.sentencePairs, counts.margins)
    (self.tokens, self.tokenPairs, words) = (tokens, tokenPairs, nil)
  }

  package static func == (a: GlobalCounts, b: GlobalCounts) -> Bool {
    (a.sentences, a.targets, a.tokens, a.tokenPairs, a.sentencePairs, a.margins)
      == (b.sentences, b.targets, b.tokens, b.tokenPairs, b.sentencePairs, b.margins)
  }

  /// The rows of logits: sentences, or tokens.
  func logitRows(areOfTokens: Bool) -> Int { areOfTokens ? tokens : sentences }
}

/// The same micro-batch seen by both models.
package struct TapPair {
  package let batch: Batch
  package let teacher: Taps
  package let student: Taps
  /// Where losses add the gradients of the student's taps; `nil` in evaluation.
  package let dStudent: TapGradients?
  /// The student's weights and the projections.
  package let weights: ParameterBuffer
  /// Where projections add their gradients; `nil` in evaluation.
  package let gradient: ParameterBuffer?
  /// Of projections' products.
  package let precision: Precision
  package let arena: Arena
  /// Where losses compare sentences of the whole global batch: what the models gave for all of them.
  package let globalBatch: GlobalBatch.Part?

  package init(
    batch: Batch, teacher: Taps, student: Taps, dStudent: TapGradients?, weights: ParameterBuffer,
    gradient: ParameterBuffer?, precision: Precision = .float32, arena: Arena, globalBatch: GlobalBatch.Part? = nil
  ) {
    self.batch = batch
    self.teacher = teacher
    self.student = student
    self.dStudent = dStudent
    self.weights = weights
    self.gradient = gradient
    self.precision = precision
    self.arena = arena
    self.globalBatch = globalBatch
  }
}

/// A distillation loss: a sum over a micro-batch's taps, divided by a count of the global batch.
package protocol Adaptor: Sendable {
  /// Unique in its stage: the metric's key.
  var name: String { get }
  /// What it needs of each model.
  var studentTaps: TapSelection { get }
  var teacherTaps: TapSelection { get }
  /// (student, teacher) layers, for the table shown at the start; none for logits.
  var pairs: [LayerPair] { get }
  /// Where it compares the sentences of the global batch with each other (`TapPair.compared`): the width of the teacher's
  /// outputs. `nil` where it looks at each sentence alone.
  var comparedWidth: Int? { get }
  /// The loss's denominator.
  func count(_ counts: GlobalCounts) -> Double
  /// Returns the micro-batch's sum and, where gradients are wanted, adds `scale` times the sum's gradient to them.
  func accumulate(_ pair: TapPair, scale: Double) -> Double
  /// What it multiplies itself over some text.
  ///
  /// - Parameter backward: whether gradients are wanted.
  func work(_ text: TextFigures, backward: Bool) -> NecessaryWork
}

extension Adaptor {
  package var comparedWidth: Int? { nil }

  /// Next to nothing.
  package func work(_ text: TextFigures, backward: Bool) -> NecessaryWork { NecessaryWork() }
}

/// An adaptor and how much it counts.
package struct WeightedAdaptor: Sendable {
  package let adaptor: any Adaptor
  package let weight: Double

  package init(adaptor: any Adaptor, weight: Double) {
    self.adaptor = adaptor
    self.weight = weight
  }
}
