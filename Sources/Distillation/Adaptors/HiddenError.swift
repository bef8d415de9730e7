import Encoders
import Kernels

/// `HidnTinyBERT`, and `EmbdTinyBERT` on hidden state 0: Σ ‖W·h_S − h_T‖² over layer pairs and tokens, a mean over
/// the teacher's width (Jiao et al., 2020, TinyBERT, eqs. 8 and 9).
struct HiddenError: Adaptor {
  private static let layers = AdaptorOption.layers(from: 0)

  static let kind = AdaptorKind(
    "HidnTinyBERT", learns: "hidden states, by mean squared error",
    options: [layers, Projections.form, Projections.perLayer, Projections.learningRate]
  ) { context in try HiddenError(pairs: context.pairs(layers), &context) }

  static let embeddingsKind = AdaptorKind(
    "EmbdTinyBERT", learns: "the embeddings' output, by mean squared error",
    options: [Projections.form, Projections.learningRate]
  ) { context in try HiddenError(pairs: [LayerPair(student: 0, teacher: 0)], &context) }

  let name: String
  let pairs: [LayerPair]
  let projections: Projections
  let teacherWidth: Int

  var studentTaps: TapSelection { TapSelection(.hidden, layers: pairs.map(\.student)) }
  var teacherTaps: TapSelection { TapSelection(.hidden, layers: pairs.map(\.teacher)) }

  func count(_ counts: GlobalCounts) -> Double { Double(pairs.count * counts.tokens * teacherWidth) }

  private init(pairs: [LayerPair], _ context: inout AdaptorContext) throws {
    name = context.name
    self.pairs = pairs
    projections = try Projections(pairs: pairs.count, &context)
    teacherWidth = context.teacher.hiddenSize
  }

  func work(_ text: TextFigures, backward: Bool) -> NecessaryWork {
    projections.work(rows: text.tokens, pairs: pairs.count, backward: backward)
  }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    var total = 0.0
    for (index, layers) in pairs.enumerated() {
      let dHidden = pair.dStudent?.matrix(.hidden(layers.student))
      let mark = pair.arena.mark
      defer { pair.arena.reset(to: mark) }
      let student = pair.student.matrix(.hidden(layers.student))
      let projected = projections.forward(student, pair: index, pair)
      let d = dHidden.map { _ in pair.arena.zeros(projected.rows, projected.columns) }
      total += squaredError(projected, pair.teacher.matrix(.hidden(layers.teacher)), d: d, scale: Float(2 * scale))
      if let d, let dHidden, let gradient = pair.gradient {
        projections.backward(
          dX: dHidden, d: d, output: projected, x: student, pair: index, gradient: gradient, pair)
      }
    }
    return total
  }
}
