import Encoders
import Kernels

/// `LogitMSE`: Σ (x_S − x_T)² over sentences (or tokens, where these have logits) and classes, x = z/τ or softmax(z/τ), times τ² with temperature scaling; or
/// the cross-entropy with the teacher's class, which is a hard label.
struct LogitError: Adaptor {
  private enum Quantity: String, CaseIterable {
    case logits
    /// Nearly silent: its gradient shrinks with the third power of the number of classes.
    case probabilities
    /// The teacher's class. No temperature applies.
    case argmax
  }

  private static let on = AdaptorOption.on(Quantity.allCases.map(\.rawValue), default: Quantity.logits.rawValue)

  static let kind = AdaptorKind(
    "LogitMSE", learns: "logits, by mean squared error", options: [on] + SoftenedLogits.options, trainsHead: true,
    comparesSentences: { $0[on] != .word("argmax") && SoftenedLogits.comparesSentences($0) },
    compared: { settings in
      let quantity: Quantity = settings.word(on)
      return quantity == .argmax ? "the teacher's class" : SoftenedLogits.caption(quantity.rawValue, settings)
    },
    make: { context in
      let quantity: Quantity = context.settings.word(on)
      if quantity != .logits { try context.requireOneClass("on: \(quantity.rawValue)") }
      return LogitError(
        name: context.name, classes: try context.requireEqualClasses(), quantity: quantity,
        softened: try SoftenedLogits(context), areOfTokens: context.logitsAreOfTokens)
    })

  let name: String
  private let classes: Int
  private let quantity: Quantity
  private let softened: SoftenedLogits

  private let areOfTokens: Bool

  private init(name: String, classes: Int, quantity: Quantity, softened: SoftenedLogits, areOfTokens: Bool) {
    self.areOfTokens = areOfTokens
    self.name = name
    self.classes = classes
    self.quantity = quantity
    self.softened = softened
  }

  let pairs: [LayerPair] = []
  var studentTaps: TapSelection { [.logits] }
  var teacherTaps: TapSelection { [.logits] }

  func count(_ counts: GlobalCounts) -> Double {
    Double(counts.logitRows(areOfTokens: areOfTokens) * (quantity == .argmax ? 1 : classes))
  }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let dLogits = pair.dStudent?.matrix(.logits)
    let mark = pair.arena.mark
    defer { pair.arena.reset(to: mark) }
    if quantity == .argmax {
      let target = softened.target(pair)
      return crossEntropy(
        logits: pair.student.matrix(.logits),
        labels: (0..<target.rows).map { Int32(SoftenedLogits.largest(target, $0)) }, dLogits: dLogits, scale: scale,
        arena: pair.arena)
    }
    let x = softened(pair)
    if quantity == .probabilities {
      softmaxForward(out: x.student, scores: x.student)
      softmaxForward(out: x.teacher, scores: x.teacher)
    }
    let d = dLogits.map { _ in pair.arena.tile(x.student.rows, x.student.columns) }
    d?.fill(0)
    let total = x.sum { sentence, row in
      squaredError(
        x.student.rows(row), x.teacher.rows(row), d: d?.rows(row), scale: Float(2 * scale * x.factor(sentence)))
    }
    guard let d, let dLogits else { return total }
    // x = softmax(z/τ), or z/τ
    if quantity == .probabilities { softmaxBackward(d: d, probabilities: x.student) }
    x.backward(d, to: dLogits)
    return total
  }
}
