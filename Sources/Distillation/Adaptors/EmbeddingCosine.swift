import Encoders
import Kernels

/// `EmbeddingCosine`: Σ (1 − cos(W·v_S, v_T)) over sentences, v a model's sentence vector.
struct EmbeddingCosine: Adaptor {
  static let kind = AdaptorKind(
    "EmbeddingCosine", learns: "the direction of the teacher's sentence vectors, by their cosine",
    options: [Projections.form, Projections.learningRate], trainsHead: true, compared: { _ in "sentence vectors" },
    make: { context in
      try context.requireVectors()
      return EmbeddingCosine(name: context.name, projections: try Projections(pairs: 1, of: \.outputs, &context))
    })

  let name: String
  let projections: Projections

  let pairs: [LayerPair] = []
  let studentTaps: TapSelection = [.logits]
  let teacherTaps: TapSelection = [.logits]

  func count(_ counts: GlobalCounts) -> Double { Double(counts.sentences) }

  func work(_ text: TextFigures, backward: Bool) -> NecessaryWork {
    projections.work(rows: text.sentences, pairs: 1, backward: backward)
  }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let dVector = pair.dStudent?.matrix(.logits)
    let mark = pair.arena.mark
    defer { pair.arena.reset(to: mark) }
    let vector = pair.student.matrix(.logits)
    let teacher = pair.teacher.matrix(.logits)
    let projected = projections.forward(vector, pair: 0, pair)
    let d = dVector.map { _ in pair.arena.matrix(projected.rows, projected.columns) }
    let total = (0..<projected.rows).reduce(0.0) { sum, row in
      sum
        + HiddenCosine.distance(
          projected.rows(row..<row + 1).values, teacher.rows(row..<row + 1).values,
          d: d?.rows(row..<row + 1).values, scale: scale)
    }
    if let d, let dVector, let gradient = pair.gradient {
      projections.backward(dX: dVector, d: d, output: projected, x: vector, pair: 0, gradient: gradient, pair)
    }
    return total
  }
}
