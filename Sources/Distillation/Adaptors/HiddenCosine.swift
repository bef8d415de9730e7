import Encoders
import Kernels

/// `HidnCosine`: Σ (1 − cos(W·h_S, h_T)) over layer pairs and tokens (Sanh et al., 2019, DistilBERT).
struct HiddenCosine: Adaptor {
  private static let layers = AdaptorOption.layers(from: 0)

  static let kind = AdaptorKind(
    "HidnCosine", learns: "the direction of every token's hidden states, by their cosine",
    options: [layers, Projections.form, Projections.perLayer, Projections.learningRate]
  ) { context in
    let pairs = try context.pairs(layers)
    return HiddenCosine(
      name: context.name, pairs: pairs, projections: try Projections(pairs: pairs.count, &context))
  }

  let name: String
  let pairs: [LayerPair]
  let projections: Projections

  var studentTaps: TapSelection { TapSelection(.hidden, layers: pairs.map(\.student)) }
  var teacherTaps: TapSelection { TapSelection(.hidden, layers: pairs.map(\.teacher)) }

  func count(_ counts: GlobalCounts) -> Double { Double(pairs.count * counts.tokens) }

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
      let teacher = pair.teacher.matrix(.hidden(layers.teacher))
      let projected = projections.forward(student, pair: index, pair)
      let d = dHidden.map { _ in pair.arena.matrix(projected.rows, projected.columns) }
      for row in 0..<projected.rows {
        total += Self.distance(
          projected.rows(row..<row + 1).values, teacher.rows(row..<row + 1).values,
          d: d?.rows(row..<row + 1).values, scale: scale)
      }
      if let d, let dHidden, let gradient = pair.gradient {
        projections.backward(
          dX: dHidden, d: d, output: projected, x: student, pair: index, gradient: gradient, pair)
      }
    }
    return total
  }

  /// 1 − s·t / √(‖s‖² ‖t‖²); `d` becomes scale · its gradient in s, s·(s·t)/(‖s‖³ ‖t‖) − t/(‖s‖ ‖t‖).
  static func distance(
    _ s: UnsafeMutableBufferPointer<Float>, _ t: UnsafeMutableBufferPointer<Float>,
    d: UnsafeMutableBufferPointer<Float>?, scale: Double
  ) -> Double {
    // Keeps vectors of zeros from dividing by zero, as PyTorch does.
    let epsilon = 1e-12
    var (product, own, other) = (0.0, epsilon, epsilon)
    for index in s.indices {
      let (x, y) = (Double(s[index]), Double(t[index]))
      product += x * y
      own += x * x
      other += y * y
    }
    let norms = (own * other).squareRoot()
    if let d {
      let (ofOwn, ofOther) = (Float(scale * product / (own * norms)), Float(scale / norms))
      for index in d.indices { d[index] = ofOwn * s[index] - ofOther * t[index] }
    }
    return 1 - product / norms
  }
}
