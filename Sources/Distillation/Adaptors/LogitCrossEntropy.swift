import Encoders
import Kernels

/// `LogitCE`: −Σ p_T·log p_S over sentences and classes, p = softmax(z/τ), times τ² with temperature scaling (Hinton et
/// al., 2015).
///
/// Its value is the divergence KL(p_T ‖ p_S): the same gradient, without the teacher's own entropy, so that it is 0 where
/// the student agrees with the teacher.
///
/// Where a text has any number of classes, or a pair of texts a score, each is a distribution over yes and no, p = σ(z/τ), and the loss is their mean.
struct LogitCrossEntropy: Adaptor {
  static let kind = AdaptorKind(
    "LogitCE", learns: "logits, by cross-entropy, shown as the KL divergence", options: SoftenedLogits.options,
    trainsHead: true, comparesSentences: SoftenedLogits.comparesSentences,
    compared: { SoftenedLogits.caption("probabilities", $0) },
    make: { context in
      let classes = try context.requireEqualClasses()
      let isBinary =
        context.student.problem == .multiLabel
        || context.student.problem == .pairs && context.student.pairScore == .sigmoid
      if !isBinary { try context.requireOneClass("LogitCE") }
      return LogitCrossEntropy(
        name: context.name, softened: try SoftenedLogits(context), binaryOutputs: isBinary ? classes : nil,
        areOfTokens: context.logitsAreOfTokens)
    })

  let name: String
  private let softened: SoftenedLogits

  /// How many outputs there are, where each is a yes or no of its own.
  private let binaryOutputs: Int?

  private let areOfTokens: Bool

  private init(name: String, softened: SoftenedLogits, binaryOutputs: Int?, areOfTokens: Bool) {
    self.areOfTokens = areOfTokens
    self.name = name
    self.softened = softened
    self.binaryOutputs = binaryOutputs
  }

  let pairs: [LayerPair] = []
  var studentTaps: TapSelection { [.logits] }
  var teacherTaps: TapSelection { [.logits] }

  func count(_ counts: GlobalCounts) -> Double {
    Double(counts.logitRows(areOfTokens: areOfTokens) * (binaryOutputs ?? 1))
  }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let dLogits = pair.dStudent?.matrix(.logits)
    let mark = pair.arena.mark
    defer { pair.arena.reset(to: mark) }
    let z = softened(pair)
    let d = dLogits.map { _ in pair.arena.tile(z.student.rows, z.student.columns) }
    d?.fill(0)
    let total = z.sum { sentence, row in
      let (teacher, student, d) = (z.teacher.rows(row), z.student.rows(row), d?.rows(row))
      return binaryOutputs == nil
        ? klDivergence(teacher: teacher, student: student, d: d, scale: Float(scale * z.factor(sentence)))
        : binaryDivergence(teacher: teacher, student: student, d: d, scale: scale * z.factor(sentence))
    }
    if let d, let dLogits { z.backward(d, to: dLogits) }
    return total
  }
}
