import Testing

@testable import Kernels

/// Products of numbers smaller than 32 bits, by every body that this processor runs, against plain loops.
struct ReducedProductTests {
  /// Less than a tile, its edges on every side, more than a pass in each direction.
  static let shapes = [
    (rows: 1, columns: 1, inner: 1), (3, 5, 7), (12, 32, 8), (13, 33, 17), (485, 33, 5), (5, 290, 30), (14, 35, 801),
  ]
  /// Each kind of product with an addend.
  private static let kinds = [
    (aTransposed: false, bTransposed: true, gap: 0, addend: "row"), (false, true, 2, "nothing"),
    (false, false, 3, "itself"), (true, false, 5, "itself"),
  ]

  private static let portable = ProductBody.available(.bfloat16).filter { $0 != .instructions }

  // MARK: bfloat16

  /// To nearest, ties to even.
  private static func rounded(_ x: Float) -> Float {
    let below = Float(bitPattern: x.bitPattern & 0xFFFF_0000)
    let above = Float(bitPattern: below.bitPattern + 0x1_0000)
    let (down, up) = (abs(Double(x) - Double(below)), abs(Double(above) - Double(x)))
    return down < up || (down == up && below.bitPattern & 0x1_0000 == 0) ? below : above
  }

  /// The factors and addends of one product, as a plain loop reads them.
  private struct Operands {
    let a: FencedMatrix
    let b: FencedMatrix
    let aTransposed: Bool
    let bTransposed: Bool

    init(_ shape: (rows: Int, columns: Int, inner: Int), _ aTransposed: Bool, _ bTransposed: Bool, gap: Int) {
      (self.aTransposed, self.bTransposed) = (aTransposed, bTransposed)
      a = FencedMatrix(
        aTransposed ? shape.inner : shape.rows, aTransposed ? shape.rows : shape.inner,
        stride: (aTransposed ? shape.rows : shape.inner) + gap, in: -1...1)
      b = FencedMatrix(
        bTransposed ? shape.columns : shape.inner, bTransposed ? shape.inner : shape.columns,
        stride: (bTransposed ? shape.inner : shape.columns) + gap, in: -1...1, seed: 2)
    }

    var factors: (Factor, Factor) {
      (
        aTransposed ? Factor(transposed: a.view) : Factor(a.view),
        bTransposed ? Factor(transposed: b.view) : Factor(b.view)
      )
    }

    func rowOfA(_ i: Int, count: Int) -> [Float] {
      (0..<count).map { rounded(aTransposed ? a.view[$0, i] : a.view[i, $0]) }
    }

    func columnOfB(_ j: Int, count: Int) -> [Float] {
      (0..<count).map { rounded(bTransposed ? b.view[j, $0] : b.view[$0, j]) }
    }
  }

  @Test("bfloat16 by portable bodies: a plain loop's bits, of any factor transposed", arguments: shapes, portable)
  func exact(shape: (rows: Int, columns: Int, inner: Int), body: ProductBody) {
    for (aTransposed, bTransposed, gap, name) in Self.kinds {
      let operands = Operands(shape, aTransposed, bTransposed, gap: gap)
      let bias = FencedMatrix(1, shape.columns, seed: 3)
      let c = FencedMatrix(shape.rows, shape.columns, stride: shape.columns + gap, seed: 4)
      let before = c.view.copied
      let (a, b) = operands.factors
      multiplyBFloat16(
        c.view, a, b, adding: name == "itself" ? .itself : name == "row" ? .row(bias.view) : .nothing, arena: Arena(),
        body: body)
      var differing = 0
      let columns = (0..<shape.columns).map { operands.columnOfB($0, count: shape.inner) }
      // Passes of an even, equal length of at most 384, each summed in order and added to what was there.
      let pairs = (shape.inner + 1) / 2
      let passes = (pairs + 191) / 192
      let length = 2 * ((pairs + passes - 1) / passes)
      for i in 0..<shape.rows {
        let row = operands.rowOfA(i, count: shape.inner)
        for j in 0..<shape.columns {
          var expected: Float? = name == "itself" ? before[i][j] : name == "row" ? bias.view[0, j] : nil
          for start in stride(from: 0, to: shape.inner, by: length) {
            let end = min(start + length, shape.inner)
            let sum = zip(row[start..<end], columns[j][start..<end]).reduce(Float(0)) { $0 + $1.0 * $1.1 }
            expected = expected.map { $0 + sum } ?? sum
          }
          differing += c.view[i, j] == expected ? 0 : 1
        }
      }
      #expect(differing == 0, "\(name), transposed: \(aTransposed), \(bTransposed)")
      #expect(c.gapsAreUntouched)
    }
  }

  @Test(
    "bfloat16 by instructions: the product of the rounded factors up to 32-bit rounding", arguments: shapes,
    ProductBody.available(.bfloat16).filter { $0 == .instructions })
  func close(shape: (rows: Int, columns: Int, inner: Int), body: ProductBody) {
    for (aTransposed, bTransposed, gap, _) in Self.kinds.dropFirst() {
      let operands = Operands(shape, aTransposed, bTransposed, gap: gap)
      let c = FencedMatrix(shape.rows, shape.columns, stride: shape.columns + gap, seed: 4)
      let before = c.rows
      let (a, b) = operands.factors
      multiplyBFloat16(c.view, a, b, adding: .itself, arena: Arena(), body: body)
      let columns = (0..<shape.columns).map { operands.columnOfB($0, count: shape.inner) }
      var error = 0.0
      for i in 0..<shape.rows {
        let row = operands.rowOfA(i, count: shape.inner)
        for j in 0..<shape.columns {
          let sum = zip(row, columns[j]).reduce(before[i][j]) { $0 + Double($1.0) * Double($1.1) }
          let difference = abs(Double(c.view[i, j]) - sum)
          error = difference.isNaN ? .infinity : max(error, difference)
        }
      }
      #expect(error < 3e-5, "transposed: \(aTransposed), \(bTransposed)")
      #expect(c.gapsAreUntouched)
    }
  }

  @Test("what is not finite stays so", arguments: Precision.allCases.filter { $0 != .float32 })
  func notFinite(precision: Precision) {
    for body in ProductBody.available(precision) {
      for value in [Float.nan, .infinity, Float(bitPattern: 0x7FFF_FFFF)] {
        for inWeight in [false, true] {
          let (input, weight, out) = (FencedMatrix(5, 70), FencedMatrix(40, 70, seed: 2), FencedMatrix(5, 40))
          if inWeight { weight.view[3, 17] = value } else { input.view[3, 17] = value }
          linearForward(
            out: out.view, input: input.view, weight: LinearWeight(weight.view, precision: precision, body: body),
            bias: nil, arena: Arena())
          for i in 0..<5 {
            for j in 0..<40 where (inWeight ? j : i) == 3 { #expect(!out.view[i, j].isFinite) }
            for j in 0..<40 where (inWeight ? j : i) != 3 { #expect(out.view[i, j].isFinite) }
          }
        }
      }
    }
  }

  // MARK: 8-bit integers

  @Test("8-bit integers by every body: a plain loop's bits", arguments: shapes + [(3, 9, 3100)])
  func integers(shape: (rows: Int, columns: Int, inner: Int)) {
    let input = FencedMatrix(shape.rows, shape.inner, stride: shape.inner + 3, in: -0.5...2)
    let weight = FencedMatrix(shape.columns, shape.inner, stride: shape.inner + 1, seed: 2)
    let bias = FencedMatrix(1, shape.columns, seed: 3)
    if shape.rows > 2 { input.view.rows(2..<3).fill(0) }
    let channels = (0..<shape.columns).map { j -> (scale: Float, numbers: [Int]) in
      let row = (0..<shape.inner).map { weight.view[j, $0] }
      let top = row.map(abs).max() ?? 0
      return (top / 127, row.map { Int(($0 * (127 / top)).rounded(.toNearestOrEven)) })
    }
    for body in ProductBody.available(.int8) {
      let out = FencedMatrix(shape.rows, shape.columns, stride: shape.columns + 2, seed: 4)
      multiplyInt8(
        out.view, input.view, weight: weight.view, adding: .row(bias.view), arena: Arena(), body: body)
      var (differing, error) = (0, 0.0)
      for i in 0..<shape.rows {
        let row = (0..<shape.inner).map { input.view[i, $0] }
        let (low, high) = (min(0, row.min() ?? 0), max(0, row.max() ?? 0))
        let inverse = high > low ? 255 / (high - low) : 0
        let zero = (-low * inverse).rounded(.toNearestOrEven)
        let numbers = row.map { Int(min(255, max(0, $0 * inverse + zero)).rounded(.toNearestOrEven)) - Int(zero) }
        for j in 0..<shape.columns {
          let sum = zip(numbers, channels[j].numbers).reduce(0) { $0 + $1.0 * $1.1 }
          let expected = bias.view[0, j] + Float(sum) * ((high - low) / 255) * channels[j].scale
          differing += out.view[i, j] == expected ? 0 : 1
          let exact = zip(row, 0..<shape.inner).reduce(Double(bias.view[0, j])) {
            $0 + Double($1.0) * Double(weight.view[j, $1.1])
          }
          error = max(error, abs(Double(out.view[i, j]) - exact))
        }
      }
      #expect(differing == 0, "\(body)")
      // Errors of rounding grow with the root of their number.
      #expect(error < 0.06 * Double(shape.inner).squareRoot(), "\(body)")
      #expect(out.gapsAreUntouched)
    }
  }

  @Test("rows too long for 8-bit integers are multiplied in 32 bits")
  func longRows() throws {
    var layout = ParameterLayout()
    let slots = [layout.add("a", [3, 12_289], decays: true), layout.add("b", [3, 8], decays: true)]
    let parameters = ParameterBuffer(layout)
    for index in parameters.values.indices { parameters.values[index] = Float(index % 7) - 3 }
    let packed = try #require(PackedWeights(slots, of: parameters, precision: .int8))
    #expect(packed.count == 1)
    for index in 0..<packed.count {
      packed.pack(index)
      packed.discardOriginal(index)
    }
    let input = FencedMatrix(2, 12_289)
    let (out, expected) = (FencedMatrix(2, 3), FencedMatrix(2, 3))
    linearForward(
      out: out.view, input: input.view, weight: packed.weight(slots[0], rows: 0..<3), bias: nil, arena: Arena())
    linearForward(
      out: expected.view, input: input.view, weight: LinearWeight(parameters[slots[0]]), bias: nil, arena: Arena())
    #expect(out.rows == expected.rows)
  }

  // MARK: Linear maps

  @Test("a row's result does not depend on the rows beside it", arguments: Precision.allCases)
  func rowsAreIndependent(precision: Precision) {
    let (rows, columns, inner) = (45, 40, 800)
    let (a, b) = (FencedMatrix(rows, inner), FencedMatrix(columns, inner, seed: 2))
    for body in ProductBody.available(precision) {
      func result(_ range: Range<Int>) -> [[Float]] {
        let c = FencedMatrix(range.count, columns)
        linearForward(
          out: c.view, input: a.view.rows(range), weight: LinearWeight(b.view, precision: precision, body: body),
          bias: nil, arena: Arena())
        return c.view.copied
      }
      let all = result(0..<rows)
      for range in [0..<1, 0..<13, 7..<20, 44..<45, 1..<45] { #expect(result(range) == Array(all[range])) }
    }
  }

  @Test("packed weights give the same bits as others, forward and backward", arguments: [Precision.bfloat16, .int8])
  func packedWeights(precision: Precision) throws {
    var layout = ParameterLayout()
    let slots = [layout.add("a", [70, 40], decays: true), layout.add("b", [64, 401], decays: true)]
    let parameters = ParameterBuffer(layout)
    var numbers = Numbers(seed: 5)
    for index in parameters.values.indices { parameters.values[index] = Float.random(in: -1...1, using: &numbers) }
    for body in ProductBody.available(precision) {
      let learning = precision == .bfloat16
      let packed = try #require(
        PackedWeights(slots, of: parameters, precision: precision, learning: learning, body: body))
      for index in 0..<packed.count { packed.pack(index) }
      for slot in slots {
        let input = FencedMatrix(19, slot.columns)
        // The last range starts inside a panel.
        for rows in [0..<slot.rows, 32..<slot.rows, 0..<1, 5..<slot.rows] {
          let plain = LinearWeight(parameters[slot].rows(rows), precision: precision, body: body)
          let (out, expected) = (FencedMatrix(19, rows.count), FencedMatrix(19, rows.count))
          linearForward(
            out: out.view, input: input.view, weight: packed.weight(slot, rows: rows), bias: nil, arena: Arena())
          linearForward(out: expected.view, input: input.view, weight: plain, bias: nil, arena: Arena())
          #expect(out.rows == expected.rows)
          guard learning else { continue }
          let results = [packed.weight(slot, rows: rows), plain].map { weight in
            let (dInput, dWeight) = (FencedMatrix(19, slot.columns), FencedMatrix(rows.count, slot.columns, seed: 9))
            linearBackward(
              dInput: dInput.view, dWeight: dWeight.view, dBias: nil, dOut: expected.view, input: input.view,
              weight: weight, arena: Arena())
            return [dInput.rows, dWeight.rows]
          }
          #expect(results[0] == results[1])
        }
      }
    }
  }
}

extension Matrix {
  fileprivate var copied: [[Float]] { (0..<rows).map { row in (0..<columns).map { self[row, $0] } } }
}
