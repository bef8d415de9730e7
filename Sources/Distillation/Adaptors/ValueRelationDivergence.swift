import Encoders
import Kernels

/// `ValMiniLM`: Σ KL(R_T ‖ R_S) over layer pairs, heads and tokens, R = softmax(V·Vᵀ/√headSize) within a sentence
/// and head (Wang et al., 2020, MiniLM, eq. 4). Head sizes may differ.
struct ValueRelationDivergence: Adaptor {
  let name: String
  let pairs: [LayerPair]
  let heads: Int
  let studentHeadSize: Int
  let teacherHeadSize: Int

  var studentTaps: TapSelection { TapSelection(.values, layers: pairs.map(\.student)) }
  var teacherTaps: TapSelection { TapSelection(.values, layers: pairs.map(\.teacher)) }

  func count(_ counts: GlobalCounts) -> Double { Double(pairs.count * heads * counts.tokens) }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let arena = pair.arena
    var total = 0.0
    for layers in pairs {
      let teacher = pair.teacher.matrix(Tap(.values, layer: layers.teacher))
      let student = pair.student.matrix(Tap(.values, layer: layers.student))
      let dValues = pair.dStudent?.matrix(Tap(.values, layer: layers.student))
      for sentence in 0..<pair.batch.sentences {
        let rows = pair.batch.starts[sentence]..<pair.batch.starts[sentence + 1]
        for head in 0..<heads {
          let mark = arena.mark
          defer { arena.reset(to: mark) }
          let teacherColumns = head * teacherHeadSize..<(head + 1) * teacherHeadSize
          let studentColumns = head * studentHeadSize..<(head + 1) * studentHeadSize
          let v = student.rows(rows).columns(studentColumns)
          let t = relations(teacher.rows(rows).columns(teacherColumns), arena)
          let s = relations(v, arena)
          let dRelations = dValues.map { _ in arena.tile(rows.count, rows.count) }
          dRelations?.fill(0)
          total += klDivergence(teacher: t, student: s, d: dRelations, scale: Float(scale))
          if let dRelations, let d = dValues?.rows(rows).columns(studentColumns) {
            relationsBackward(d: d, dRelations: dRelations, values: v, arena)
          }
        }
      }
    }
    return total
  }

  /// V·Vᵀ/√headSize. values: (length, head size), result: (length, length)
  private func relations(_ values: Matrix, _ arena: Arena) -> Matrix {
    let out = arena.tile(values.rows, values.rows)
    let transposed = arena.tile(values.columns, values.rows)
    transposeTile(transposed, from: values)
    tileProduct(out, values, .no, transposed, scale: 1 / Float(values.columns).squareRoot())
    return out
  }

  /// d += (dR + dRᵀ)·V/√headSize. Forward: R = V·Vᵀ/√headSize.
  private func relationsBackward(d: Matrix, dRelations: Matrix, values: Matrix, _ arena: Arena) {
    let tile = arena.tile(values.rows, values.columns)
    let product = arena.tile(values.rows, values.columns)
    let scale = 1 / Float(values.columns).squareRoot()
    gatherTile(tile, from: values)
    tileProduct(product, dRelations, .no, tile, scale: scale)
    tileProduct(product, dRelations, .yes, tile, scale: scale, accumulate: true)
    add(product, to: d)
  }
}
