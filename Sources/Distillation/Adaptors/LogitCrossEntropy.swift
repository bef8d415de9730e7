import Encoders
import Kernels

/// `LogitCE`: −Σ p_T·log p_S over sentences and classes, p = softmax(z/τ), times τ² with temperature scaling (Hinton et
/// al., 2015).
///
/// Its value is the divergence KL(p_T ‖ p_S): the same gradient, without the teacher's own entropy, so that it is 0 where
/// the student agrees with the teacher.
struct LogitCrossEntropy: Adaptor {
  static let kind = AdaptorKind(
    "LogitCE", learns: "logits, by cross-entropy, shown as the KL divergence", options: SoftenedLogits.options,
    trainsHead: true, comparesSentences: SoftenedLogits.comparesSentences,
    compared: { SoftenedLogits.caption("probabilities", $0) },
    make: { context in
      _ = try context.requireEqualClasses()
      try context.requireOneClass("LogitCE")
      return LogitCrossEntropy(name: context.name, softened: try SoftenedLogits(context))
    })

  let name: String
  private let softened: SoftenedLogits

  private init(name: String, softened: SoftenedLogits) {
    self.name = name
    self.softened = softened
  }

  let pairs: [LayerPair] = []
  var studentTaps: TapSelection { [.logits] }
  var teacherTaps: TapSelection { [.logits] }

  func count(_ counts: GlobalCounts) -> Double { Double(counts.sentences) }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let dLogits = pair.dStudent?.matrix(.logits)
    let mark = pair.arena.mark
    defer { pair.arena.reset(to: mark) }
    let z = softened(pair)
    let d = dLogits.map { _ in pair.arena.tile(z.student.rows, z.student.columns) }
    d?.fill(0)
    let total = z.sum { sentence, row in
      klDivergence(
        teacher: z.teacher.rows(row), student: z.student.rows(row), d: d?.rows(row),
        scale: Float(scale * z.factor(sentence)))
    }
    if let d, let dLogits { z.backward(d, to: dLogits) }
    return total
  }
}
