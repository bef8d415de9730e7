import Encoders
import Kernels

/// `NST`: Σ ‖K_S − K_T‖² over sentences, K = h_i·h_jᵀ/width within a sentence, i and j being the same layer or two layers
/// (Huang and Wang, 2017, with a linear kernel; TextBrewer's `nst` and `mmd`). Widths may differ.
struct TokenSimilarityError: Adaptor {
  private static let layers = AdaptorOption.layers(from: 0)

  static let kind = AdaptorKind(
    "NST", learns: "how hidden states of tokens resemble each other, by mean squared error",
    options: [layers, LayerPairing.option]
  ) { context in
    let pairs = try context.pairs(layers)
    return TokenSimilarityError(
      name: context.name, pairs: pairs, products: try LayerPairing.products(of: pairs, context),
      widths: context.student.hiddenSize + context.teacher.hiddenSize)
  }

  let name: String
  let pairs: [LayerPair]
  /// Positions in `pairs` of i and j.
  let products: [(Int, Int)]
  /// Both models' together.
  let widths: Int

  var studentTaps: TapSelection { TapSelection(.hidden, layers: pairs.map(\.student)) }
  var teacherTaps: TapSelection { TapSelection(.hidden, layers: pairs.map(\.teacher)) }

  func count(_ counts: GlobalCounts) -> Double { Double(products.count * counts.tokenPairs) }

  func work(_ text: TextFigures, backward: Bool) -> NecessaryWork {
    var work = NecessaryWork()
    work.attention = Double(products.count) * (backward ? 4 : 2) * text.squares * Double(widths)
    return work
  }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let arena = pair.arena
    let student = pairs.map { pair.student.matrix(.hidden($0.student)) }
    let teacher = pairs.map { pair.teacher.matrix(.hidden($0.teacher)) }
    let d = pairs.map { pair.dStudent?.matrix(.hidden($0.student)) }
    var total = 0.0
    for sentence in 0..<pair.batch.sentences {
      let rows = pair.batch.starts[sentence]..<pair.batch.starts[sentence + 1]
      for (i, j) in products {
        let mark = arena.mark
        defer { arena.reset(to: mark) }
        let (hI, hJ) = (student[i].rows(rows), student[j].rows(rows))
        let s = similarities(hI, hJ, arena)
        let t = similarities(teacher[i].rows(rows), teacher[j].rows(rows), arena)
        let dK = pair.dStudent.map { _ in arena.tile(rows.count, rows.count) }
        dK?.fill(0)
        total += squaredError(s, t, d: dK, scale: Float(2 * scale))
        if let dK, let dI = d[i], let dJ = d[j] {
          similaritiesBackward(dI: dI.rows(rows), dJ: dJ.rows(rows), dK: dK, hI, hJ, arena)
        }
      }
    }
    return total
  }

  /// hᵢ·hⱼᵀ/width. (length, length)
  private func similarities(_ i: Matrix, _ j: Matrix, _ arena: Arena) -> Matrix {
    let out = arena.tile(i.rows, j.rows)
    let transposed = arena.tile(j.columns, j.rows)
    transposeTile(transposed, from: j)
    tileProduct(out, i, .no, transposed, scale: 1 / Float(i.columns))
    return out
  }

  /// dI += dK·hⱼ/width, dJ += dKᵀ·hᵢ/width. Forward: K = hᵢ·hⱼᵀ/width.
  private func similaritiesBackward(dI: Matrix, dJ: Matrix, dK: Matrix, _ i: Matrix, _ j: Matrix, _ arena: Arena) {
    let scale = 1 / Float(i.columns)
    let (tile, product) = (arena.tile(i.rows, i.columns), arena.tile(i.rows, i.columns))
    gatherTile(tile, from: j)
    tileProduct(product, dK, .no, tile, scale: scale)
    add(product, to: dI)
    gatherTile(tile, from: i)
    tileProduct(product, dK, .yes, tile, scale: scale)
    add(product, to: dJ)
  }
}
