import Encoders
import Kernels
import Text

/// `HidnPKD`: Σ ‖u_S − u_T‖² over layer pairs and sentences, u = W·h[CLS] / ‖W·h[CLS]‖ (Sun et al., 2019, Patient-KD,
/// eq. 7).
struct HiddenDirection: Adaptor {
  private static let layers = AdaptorOption.layers(from: 0)

  static let kind = AdaptorKind(
    "HidnPKD", learns: "the direction of the first token's hidden states",
    options: [layers, Projections.form, Projections.perLayer, Projections.learningRate]
  ) { context in
    let pairs = try context.pairs(layers)
    return HiddenDirection(
      name: context.name, pairs: pairs, projections: try Projections(pairs: pairs.count, &context))
  }

  let name: String
  let pairs: [LayerPair]
  let projections: Projections

  var studentTaps: TapSelection { TapSelection(.hidden, layers: pairs.map(\.student)) }
  var teacherTaps: TapSelection { TapSelection(.hidden, layers: pairs.map(\.teacher)) }

  func count(_ counts: GlobalCounts) -> Double { Double(pairs.count * counts.sentences) }

  func work(_ text: TextFigures, backward: Bool) -> NecessaryWork {
    projections.work(rows: text.sentences, pairs: pairs.count, backward: backward)
  }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    var total = 0.0
    for (index, layers) in pairs.enumerated() {
      let dHidden = pair.dStudent?.matrix(.hidden(layers.student))
      let mark = pair.arena.mark
      defer { pair.arena.reset(to: mark) }
      let cls = firstTokens(pair.student.matrix(.hidden(layers.student)), pair)
      let student = projections.forward(cls, pair: index, pair)
      let teacher = firstTokens(pair.teacher.matrix(.hidden(layers.teacher)), pair)
      let u = pair.arena.matrix(student.rows, student.columns)
      u.copy(from: student)
      let norms = normalize(u)
      _ = normalize(teacher)
      let d = dHidden.map { _ in pair.arena.zeros(u.rows, u.columns) }
      total += squaredError(u, teacher, d: d, scale: Float(2 * scale))
      guard let d, let dHidden, let gradient = pair.gradient else { continue }
      normalizeBackward(d: d, output: u, norms: norms)
      let dCls = pair.arena.zeros(cls.rows, cls.columns)
      projections.backward(
        dX: dCls, d: d, output: student, x: cls, pair: index, gradient: gradient, pair)
      for sentence in 0..<pair.batch.sentences {
        let first = pair.batch.starts[sentence]
        add(dCls.rows(sentence..<sentence + 1), to: dHidden.rows(first..<first + 1))
      }
    }
    return total
  }

  /// Each sentence's [CLS] row. (sentences, hidden)
  private func firstTokens(_ hidden: Matrix, _ pair: TapPair) -> Matrix {
    let out = pair.arena.matrix(pair.batch.sentences, hidden.columns)
    for sentence in 0..<pair.batch.sentences {
      let first = pair.batch.starts[sentence]
      out.rows(sentence..<sentence + 1).copy(from: hidden.rows(first..<first + 1))
    }
    return out
  }

  /// u = x / max(‖x‖, 1e-12), row by row, in place. Returns what each row was divided by.
  private func normalize(_ x: Matrix) -> [Float] {
    (0..<x.rows).map { row in
      let values = x.rows(row..<row + 1).values
      let norm = max(Float(sumOfSquares(UnsafeBufferPointer(values)).squareRoot()), 1e-12)
      for index in values.indices { values[index] /= norm }
      return norm
    }
  }

  /// dX = (dU − u·(u·dU)) / ‖x‖, in place. Forward: u = x / ‖x‖.
  private func normalizeBackward(d: Matrix, output u: Matrix, norms: [Float]) {
    for row in 0..<d.rows {
      let (dRow, uRow) = (d.rows(row..<row + 1).values, u.rows(row..<row + 1).values)
      var dot: Float = 0
      for index in dRow.indices { dot += dRow[index] * uRow[index] }
      for index in dRow.indices { dRow[index] = (dRow[index] - uRow[index] * dot) / norms[row] }
    }
  }
}
