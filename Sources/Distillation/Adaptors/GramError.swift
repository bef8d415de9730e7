import Encoders
import Kernels

/// `Gram`: Σ ‖G_S − G_T‖²/d_T² over sentences, G = h_iᵀ·h_j/n within a sentence of n tokens, i and j being the same layer
/// or two layers (Yim et al., 2017, FSP; TextBrewer's `gram` and `fsp`). W carries the student's states to the teacher's
/// width first.
struct GramError: Adaptor {
  private static let layers = AdaptorOption.layers(from: 0)

  static let kind = AdaptorKind(
    "Gram", learns: "how features of hidden states go together, by mean squared error",
    options: [layers, LayerPairing.option, Projections.form, Projections.perLayer, Projections.learningRate]
  ) { context in
    let pairs = try context.pairs(layers)
    return GramError(
      name: context.name, pairs: pairs, products: try LayerPairing.products(of: pairs, context),
      projections: try Projections(pairs: pairs.count, &context), width: context.teacher.hiddenSize)
  }

  let name: String
  let pairs: [LayerPair]
  /// Positions in `pairs` of i and j.
  let products: [(Int, Int)]
  let projections: Projections
  /// The teacher's.
  let width: Int

  var studentTaps: TapSelection { TapSelection(.hidden, layers: pairs.map(\.student)) }
  var teacherTaps: TapSelection { TapSelection(.hidden, layers: pairs.map(\.teacher)) }

  func count(_ counts: GlobalCounts) -> Double { Double(products.count * counts.sentences) }

  func work(_ text: TextFigures, backward: Bool) -> NecessaryWork {
    var work = projections.work(rows: text.tokens, pairs: pairs.count, backward: backward)
    work.attention = Double(products.count) * (backward ? 4 : 2) * 2 * text.tokens * Double(width * width)
    return work
  }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let arena = pair.arena
    let dHidden = pairs.map { pair.dStudent?.matrix(.hidden($0.student)) }
    let mark = arena.mark
    defer { arena.reset(to: mark) }
    let student = pairs.map { pair.student.matrix(.hidden($0.student)) }
    let teacher = pairs.map { pair.teacher.matrix(.hidden($0.teacher)) }
    let projected = student.enumerated().map { projections.forward($1, pair: $0, pair) }
    let d = projected.map { x in pair.dStudent.map { _ in arena.zeros(x.rows, x.columns) } }
    let each = 1 / Double(width * width)
    var total = 0.0
    for sentence in 0..<pair.batch.sentences {
      let rows = pair.batch.starts[sentence]..<pair.batch.starts[sentence + 1]
      for (i, j) in products {
        let mark = arena.mark
        defer { arena.reset(to: mark) }
        let s = gram(projected[i].rows(rows), projected[j].rows(rows), arena)
        let t = gram(teacher[i].rows(rows), teacher[j].rows(rows), arena)
        let dGram = pair.dStudent.map { _ in arena.tile(width, width) }
        dGram?.fill(0)
        total += each * squaredError(s, t, d: dGram, scale: Float(2 * scale * each))
        if let dGram, let dI = d[i], let dJ = d[j] {
          gramBackward(
            dI: dI.rows(rows), dJ: dJ.rows(rows), dGram: dGram, projected[i].rows(rows), projected[j].rows(rows), arena)
        }
      }
    }
    guard let gradient = pair.gradient else { return total }
    for index in pairs.indices {
      guard let d = d[index], let dHidden = dHidden[index] else { continue }
      projections.backward(
        dX: dHidden, d: d, output: projected[index], x: student[index], pair: index, gradient: gradient, pair)
    }
    return total
  }

  /// hᵢᵀ·hⱼ/n. (width, width)
  private func gram(_ i: Matrix, _ j: Matrix, _ arena: Arena) -> Matrix {
    let out = arena.tile(i.columns, j.columns)
    let tile = arena.tile(j.rows, j.columns)
    gatherTile(tile, from: j)
    tileProduct(out, i, .yes, tile, scale: 1 / Float(i.rows))
    return out
  }

  /// dI += hⱼ·dGᵀ/n, dJ += hᵢ·dG/n. Forward: G = hᵢᵀ·hⱼ/n.
  private func gramBackward(dI: Matrix, dJ: Matrix, dGram: Matrix, _ i: Matrix, _ j: Matrix, _ arena: Arena) {
    let scale = 1 / Float(i.rows)
    let transposed = arena.tile(dGram.columns, dGram.rows)
    let product = arena.tile(i.rows, i.columns)
    transposeTile(transposed, from: dGram)
    tileProduct(product, j, .no, transposed, scale: scale)
    add(product, to: dI)
    tileProduct(product, i, .no, dGram, scale: scale)
    add(product, to: dJ)
  }
}

/// Which layers' states are multiplied with each other, where a loss multiplies two.
enum LayerPairing {
  static let option = AdaptorOption(
    "with", .word(["itself", "next"]), default: .word("itself"),
    "what each layer's states are multiplied with: themselves, or those of the next pair's layer")

  static func products(of pairs: [LayerPair], _ context: AdaptorContext) throws -> [(Int, Int)] {
    guard context.settings[option] == .word("next") else { return pairs.indices.map { ($0, $0) } }
    guard pairs.count > 1 else {
      throw AdaptorError(
        context.name, "with: next needs two pairs of layers or more, found one; give more pairs, or with: itself")
    }
    return pairs.indices.dropLast().map { ($0, $0 + 1) }
  }
}
