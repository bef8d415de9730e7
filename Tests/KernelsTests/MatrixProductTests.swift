import COpenBLAS
import Testing

@testable import Kernels

/// Products of the encoder's kinds by every implementation that this processor runs.
struct MatrixProductTests {
  /// Less than a tile, its edges on every side, more than a pass in each direction.
  static let shapes = [
    (rows: 1, columns: 1, inner: 1), (3, 5, 7), (12, 32, 8), (13, 33, 17), (31, 312, 26), (6, 16, 384), (11, 40, 385),
    (25, 300, 801), (500, 70, 30), (37, 520, 400),
  ]

  @Test("c = a·b + addend, of any factor transposed", arguments: shapes, ProductKernel.available)
  func product(shape: (rows: Int, columns: Int, inner: Int), kernel: ProductKernel) {
    for (aTransposed, bTransposed, gap) in [(false, true, 0), (false, false, 3), (true, false, 5)] {
      let a = FencedMatrix(
        aTransposed ? shape.inner : shape.rows, aTransposed ? shape.rows : shape.inner,
        stride: (aTransposed ? shape.rows : shape.inner) + gap, in: -1...1)
      let b = FencedMatrix(
        bTransposed ? shape.columns : shape.inner, bTransposed ? shape.inner : shape.columns,
        stride: (bTransposed ? shape.inner : shape.columns) + gap, in: -1...1, seed: 2)
      let bias = FencedMatrix(1, shape.columns, seed: 3)
      for (name, addend) in [("nothing", Addend.nothing), ("itself", .itself), ("row", .row(bias.view))] {
        let c = FencedMatrix(shape.rows, shape.columns, stride: shape.columns + gap, seed: 4)
        let (aRows, bRows, before) = (a.rows, b.rows, c.rows)
        multiply(
          c.view, aTransposed ? Factor(transposed: a.view) : Factor(a.view),
          bTransposed ? Factor(transposed: b.view) : Factor(b.view), adding: addend, arena: Arena(), kernel: kernel)
        var error = 0.0
        for i in 0..<shape.rows {
          for j in 0..<shape.columns {
            var expected = name == "itself" ? before[i][j] : name == "row" ? bias.rows[0][j] : 0
            for k in 0..<shape.inner {
              expected += (aTransposed ? aRows[k][i] : aRows[i][k]) * (bTransposed ? bRows[j][k] : bRows[k][j])
            }
            let difference = abs(Double(c.view[i, j]) - expected)
            error = difference.isNaN ? .infinity : max(error, difference)
          }
        }
        #expect(error < 3e-5, "\(name), transposed: \(aTransposed), \(bTransposed)")
        #expect(c.gapsAreUntouched)
      }
    }
  }

  @Test("OpenBLAS, which other products are tried beside, is there and has one thread")
  func openBLAS() throws {
    try #require(ProductKernel.available.contains(.openBLAS))
    #expect(copenblas_threads() == 1)
  }

  @Test(
    "a row's result does not depend on the rows beside it",
    arguments: ProductKernel.available.filter { $0 != .openBLAS })
  func rowsAreIndependent(kernel: ProductKernel) {
    let (rows, columns, inner) = (45, 70, 800)
    let a = FencedMatrix(rows, inner)
    let b = FencedMatrix(columns, inner, seed: 2)
    func result(_ range: Range<Int>) -> [[Double]] {
      let c = FencedMatrix(range.count, columns)
      multiply(
        c.view, Factor(a.view.rows(range)), Factor(transposed: b.view), adding: .nothing, arena: Arena(),
        kernel: kernel)
      return c.rows
    }
    let all = result(0..<rows)
    for range in [0..<1, 0..<13, 7..<20, 44..<45, 1..<45] { #expect(result(range) == Array(all[range])) }
  }

  @Test("packed weights give the same bits as weights packed for one product")
  func packedWeights() throws {
    var layout = ParameterLayout()
    let slots = [layout.add("a", [70, 40], decays: true), layout.add("b", [64, 400], decays: true)]
    let parameters = ParameterBuffer(layout)
    var numbers = Numbers(seed: 5)
    for index in parameters.values.indices { parameters.values[index] = Float.random(in: -1...1, using: &numbers) }
    // A processor without a kernel of ours packs nothing.
    guard ProductKernel.best != .openBLAS else {
      #expect(PackedWeights(slots, of: parameters) == nil)
      return
    }
    let packed = try #require(PackedWeights(slots, of: parameters, learning: true))
    for index in 0..<packed.count { packed.pack(index) }
    for slot in slots {
      let input = FencedMatrix(19, slot.columns)
      // The last range starts inside a panel.
      for rows in [0..<slot.rows, 32..<slot.rows, 0..<1, 5..<slot.rows] {
        let (out, expected) = (FencedMatrix(19, rows.count), FencedMatrix(19, rows.count))
        linearForward(
          out: out.view, input: input.view, weight: packed.weight(slot, rows: rows), bias: nil, arena: Arena())
        linearForward(
          out: expected.view, input: input.view, weight: LinearWeight(parameters[slot].rows(rows)), bias: nil,
          arena: Arena())
        #expect(out.rows == expected.rows)
        let gradients = [packed.weight(slot, rows: rows), LinearWeight(parameters[slot].rows(rows))].map { weight in
          let dInput = FencedMatrix(19, slot.columns)
          linearBackward(
            dInput: dInput.view, dWeight: nil, dBias: nil, dOut: expected.view, input: input.view, weight: weight,
            arena: Arena())
          return dInput.rows
        }
        #expect(gradients[0] == gradients[1])
      }
    }
  }
}
