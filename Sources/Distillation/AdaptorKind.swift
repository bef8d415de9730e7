import Encoders
import Kernels

/// What there is to know of an adaptor before it is made: one value in the file that computes its loss.
package struct AdaptorKind: Sendable {
  /// As configurations name it, and with a number behind it metrics.
  package let name: String
  /// What the student learns with it, in Markdown.
  package let meaning: String
  /// In the order they are written.
  package let options: [AdaptorOption]
  /// Whether the head gets a gradient from it.
  package let trainsHead: Bool
  /// Whether its pairs are of layers whose attention is worth showing side by side.
  package let comparesAttention: Bool
  /// Whether the loss of one sentence depends on the others of its micro-batch.
  package let comparesSentences: @Sendable (AdaptorSettings) -> Bool
  /// Whether it compares rows of a group, which are then worth having in one batch.
  package let comparesGroups: Bool
  fileprivate let make: @Sendable (inout AdaptorContext) throws -> any Adaptor
  let compared: @Sendable (AdaptorSettings) -> String

  /// - Parameters:
  ///   - compared: what is compared where no layers are paired.
  ///   - make: checks the settings against both models and makes the adaptor.
  init(
    _ name: String, learns meaning: String, options: [AdaptorOption], trainsHead: Bool = false,
    comparesAttention: Bool = false, comparesGroups: Bool = false,
    comparesSentences: @escaping @Sendable (AdaptorSettings) -> Bool = { _ in false },
    compared: @escaping @Sendable (AdaptorSettings) -> String = { _ in "–" },
    make: @escaping @Sendable (inout AdaptorContext) throws -> any Adaptor
  ) {
    self.name = name
    self.meaning = meaning
    self.options = trainsHead ? options : options + [.align]
    self.trainsHead = trainsHead
    self.comparesAttention = comparesAttention
    self.comparesGroups = comparesGroups
    self.comparesSentences = comparesSentences
    self.compared = compared
    self.make = make
  }

  package static func named(_ name: String) -> AdaptorKind? { all.first { $0.name == name } }

  /// Of a metric's key, such as `AttnMiniLM_2`.
  package static func ofMetric(_ key: String) -> AdaptorKind? { named(String(key.prefix { $0 != "_" })) }
}

extension AdaptorKind: Equatable, Hashable {
  package static func == (a: AdaptorKind, b: AdaptorKind) -> Bool { a.name == b.name }
  package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// What an adaptor is made of: its settings, both models, and the layout that takes its projections.
struct AdaptorContext {
  let name: String
  let settings: AdaptorSettings
  let student: EncoderConfiguration
  let teacher: EncoderConfiguration
  var layout: ParameterLayout

  /// The pairs of layers that an option of the kind asks for.
  func pairs(_ option: AdaptorOption) throws -> [LayerPair] {
    guard case .layers(let lowest) = option.form else { preconditionFailure("\(option.key) is a layer map") }
    return try settings.layers(option).pairs(
      adaptor: name, student: student.layers, teacher: teacher.layers, lowest: lowest)
  }

  func requireEqualHeads() throws -> Int {
    guard student.heads == teacher.heads else {
      throw AdaptorError(
        name,
        "expected as many attention heads in the student as in the teacher, found \(student.heads) and "
          + "\(teacher.heads); choose a student with \(teacher.heads) heads, RelationMiniLM, AttnMeanMiniLM or "
          + "AttnSumTinyBERT, or a hidden-state or logit adaptor")
    }
    return student.heads
  }

  /// Refuses pairs of layers whose tokens see different parts of their sentence, where what is compared is not finite
  /// outside of a window: scores, and the divergence of attention that the student cannot pay.
  ///
  /// - Parameter studentMaySeeMore: whether a window of the teacher alone does no harm.
  func requireSameSight(_ pairs: [LayerPair], _ what: String, studentMaySeeMore: Bool) throws {
    for pair in pairs {
      let own = student.reach(ofLayer: pair.student - 1)
      let other = teacher.reach(ofLayer: pair.teacher - 1)
      if own == other || studentMaySeeMore && (own ?? .max) >= (other ?? .max) { continue }
      func sight(_ reach: Int?) -> String { reach.map { "\($0) tokens on either side" } ?? "the whole sentence" }
      throw AdaptorError(
        name,
        "compares \(what), and the student's layer \(pair.student) sees \(sight(own)), the teacher's layer "
          + "\(pair.teacher) \(sight(other)); pair layers that see the same in layers, or use AttnTinyBERT with on: "
          + "probabilities")
    }
  }

  func requireEqualClasses() throws -> Int {
    guard student.problem != .noHead else {
      throw AdaptorError(name, "compares logits, and the task is none; use adaptors of hidden states or attention")
    }
    guard student.problem != .embedding else {
      throw AdaptorError(
        name, "compares logits, and sentence vectors are none; use EmbeddingMSE, EmbeddingCosine or SimilarityMSE")
    }
    guard student.labels.count == teacher.labels.count else {
      throw AdaptorError(
        name,
        "expected as many classes in the student as in the teacher, found \(student.labels.count) and "
          + "\(teacher.labels.count); fine-tune the teacher on this task's labels first")
    }
    return student.labels.count
  }
}

extension AdaptorContext {
  /// Refuses models that give no vector for a sentence.
  func requireVectors() throws {
    guard student.problem == .embedding, teacher.problem == .embedding else {
      throw AdaptorError(
        name,
        "compares sentence vectors, and the task is \(student.problem.rawValue); set task.kind: embedding, or use LogitMSE"
      )
    }
  }

  /// Whether logits are of tokens rather than of sentences.
  var logitsAreOfTokens: Bool { student.problem == .tokens }

  /// Refuses what takes the softmax of logits where they are not of one class.
  func requireOneClass(_ what: String, allowsTokens: Bool = true) throws {
    guard student.problem != .singleLabel, !(logitsAreOfTokens && allowsTokens) else { return }
    throw AdaptorError(
      name,
      "\(what) compares probabilities of one class for each text, and the task is \(student.problem.rawValue); use "
        + "LogitMSE with on: logits and a constant temperature")
  }
}

extension AdaptorSettings {
  /// Checks the settings against both models, appends projections to `layout`, and makes the adaptor.
  ///
  /// - Throws: `AdaptorError` where layers, heads or widths do not fit.
  package func makeAdaptor(
    name: String, student: EncoderConfiguration, teacher: EncoderConfiguration, layout: inout ParameterLayout
  ) throws -> WeightedAdaptor {
    var context = AdaptorContext(name: name, settings: self, student: student, teacher: teacher, layout: layout)
    let adaptor = try kind.make(&context)
    layout = context.layout
    return WeightedAdaptor(adaptor: comparesWords ? WordAligned(adaptor) : adaptor, weight: weight)
  }
}
