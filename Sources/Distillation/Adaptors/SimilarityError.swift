import Encoders
import Kernels

/// `SimilarityMSE`: Σ (cos(v_S,i, v_S,j) − cos(v_T,i, v_T,j))² over pairs of sentences i, j of the global batch, v a model's
/// sentence vector: the matrix of similarities within a batch, as Tung & Mori (2019) preserve it.
struct SimilarityError: Adaptor {
  static let kind = AdaptorKind(
    "SimilarityMSE",
    learns: "how similar the teacher finds each two sentences of a global batch, by the cosines of their vectors",
    options: [], trainsHead: true, compared: { _ in "cosines of sentence vectors" },
    make: { context in
      try context.requireVectors()
      return SimilarityError(name: context.name, comparedWidth: context.teacher.outputs)
    })

  let name: String
  let comparedWidth: Int?

  let pairs: [LayerPair] = []
  let studentTaps: TapSelection = [.logits]
  let teacherTaps: TapSelection = [.logits]

  func count(_ counts: GlobalCounts) -> Double { Double(counts.sentencePairs) }

  /// The sum over the pairs whose first sentence is one of the micro-batch's.
  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let dVector = pair.dStudent?.matrix(.logits)
    let mark = pair.arena.mark
    defer { pair.arena.reset(to: mark) }
    let all = pair.compared
    guard let teacher = all.teacher else { preconditionFailure("the teacher's vectors were not asked for") }
    let (unit, cosines) = cosines(all.student, all.own, pair.arena)
    let (_, teacherCosines) = self.cosines(teacher, all.own, pair.arena)
    // A sentence is as similar to itself as can be, in either model.
    for (row, sentence) in all.own.enumerated() { cosines[row, sentence] = teacherCosines[row, sentence] }
    let d = dVector.map { _ in pair.arena.zeros(cosines.rows, cosines.columns) }
    // A pair stands in the sum in either order, and its sentence's gradient is of both.
    let total = squaredError(cosines, teacherCosines, d: d, scale: Float(4 * scale))
    if let d, let dVector {
      // cosines = unit[own] · unitᵀ; the other factor's gradient goes to those whose sentences they are.
      let dUnit = pair.arena.matrix(all.own.count, unit.columns)
      linearBackward(
        dInput: dUnit, dWeight: nil, dBias: nil, dOut: d, input: unit.rows(all.own), weight: LinearWeight(unit),
        arena: pair.arena)
      unitBackward(dInput: dVector, dOut: dUnit, input: all.student.rows(all.own))
    }
    return total
  }

  /// Unit vectors of all sentences, and the cosines of some of them with all. (some, sentences)
  private func cosines(_ vectors: Matrix, _ own: Range<Int>, _ arena: Arena) -> (unit: Matrix, cosines: Matrix) {
    let unit = arena.matrix(vectors.rows, vectors.columns)
    unitForward(out: unit, input: vectors)
    let cosines = arena.matrix(own.count, vectors.rows)
    linearForward(out: cosines, input: unit.rows(own), weight: LinearWeight(unit), bias: nil, arena: arena)
    return (unit, cosines)
  }
}
