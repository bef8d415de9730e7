import Encoders
import Kernels

/// `EmbeddingMSE`: Σ ‖W·v_S − v_T‖² over sentences, v a model's sentence vector (Reimers & Gurevych, 2020).
struct EmbeddingError: Adaptor {
  static let kind = AdaptorKind(
    "EmbeddingMSE", learns: "the teacher's sentence vectors, squared error",
    options: [Projections.form, Projections.learningRate], trainsHead: true, compared: { _ in "sentence vectors" },
    make: { context in
      try context.requireVectors()
      return EmbeddingError(
        name: context.name, width: context.teacher.outputs,
        projections: try Projections(pairs: 1, of: \.outputs, &context))
    })

  let name: String
  /// Of the teacher's vectors.
  let width: Int
  let projections: Projections

  let pairs: [LayerPair] = []
  let studentTaps: TapSelection = [.logits]
  let teacherTaps: TapSelection = [.logits]

  func count(_ counts: GlobalCounts) -> Double { Double(width * counts.sentences) }

  func work(_ text: TextFigures, backward: Bool) -> NecessaryWork {
    projections.work(rows: text.sentences, pairs: 1, backward: backward)
  }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let dVector = pair.dStudent?.matrix(.logits)
    let mark = pair.arena.mark
    defer { pair.arena.reset(to: mark) }
    let vector = pair.student.matrix(.logits)
    let projected = projections.forward(vector, pair: 0, pair)
    let d = dVector.map { _ in pair.arena.zeros(projected.rows, projected.columns) }
    let total = squaredError(projected, pair.teacher.matrix(.logits), d: d, scale: Float(2 * scale))
    if let d, let dVector, let gradient = pair.gradient {
      projections.backward(dX: dVector, d: d, output: projected, x: vector, pair: 0, gradient: gradient, pair)
    }
    return total
  }
}
