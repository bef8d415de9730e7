import Kernels
import Testing

struct LinearTests {
  private func transpose(_ a: [[Double]]) -> [[Double]] {
    (a.first ?? []).indices.map { column in a.map { $0[column] } }
  }

  /// a · bᵀ
  private func product(_ a: [[Double]], transposed b: [[Double]]) -> [[Double]] {
    a.map { row in b.map { other in zip(row, other).reduce(0) { $0 + $1.0 * $1.1 } } }
  }

  private func sum(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] { zip(a, b).map { zip($0, $1).map { $0 + $1 } } }

  static let shapes = [(1, 1, 1), (1, 17, 3), (2, 16, 16), (15, 33, 31), (63, 100, 17), (31, 2, 257)]

  @Test("out = input · weightᵀ + bias", arguments: shapes, [0, 5])
  func forward(shape: (tokens: Int, input: Int, output: Int), gap: Int) {
    for hasBias in [true, false] {
      let input = FencedMatrix(shape.tokens, shape.input, stride: shape.input + gap)
      let weight = FencedMatrix(shape.output, shape.input, seed: 2)
      let bias = FencedMatrix(1, shape.output, seed: 3)
      let out = FencedMatrix(shape.tokens, shape.output, stride: shape.output + gap, seed: 4)
      var expected = product(input.rows, transposed: weight.rows)
      if hasBias { expected = expected.map { zip($0, bias.rows[0]).map { $0 + $1 } } }
      linearForward(
        out: out.view, input: input.view, weight: LinearWeight(weight.view), bias: hasBias ? bias.view : nil,
        arena: Arena())
      #expect(largestError(out.rows, expected) < 5e-5)
      #expect(out.gapsAreUntouched)
    }
  }

  @Test("gradients are added, the input's where asked", arguments: shapes, [0, 5])
  func backward(shape: (tokens: Int, input: Int, output: Int), gap: Int) {
    for accumulate in [true, false] {
      let input = FencedMatrix(shape.tokens, shape.input, stride: shape.input + gap)
      let weight = FencedMatrix(shape.output, shape.input, seed: 2)
      let dOut = FencedMatrix(shape.tokens, shape.output, stride: shape.output + gap, seed: 3)
      let dInput = FencedMatrix(shape.tokens, shape.input, stride: shape.input + gap, seed: 4)
      let dWeight = FencedMatrix(shape.output, shape.input, seed: 5)
      let dBias = FencedMatrix(1, shape.output, seed: 6)
      var expectedDInput = product(dOut.rows, transposed: transpose(weight.rows))
      if accumulate { expectedDInput = sum(expectedDInput, dInput.rows) }
      let expectedDWeight = sum(dWeight.rows, product(transpose(dOut.rows), transposed: transpose(input.rows)))
      let expectedDBias = dOut.rows.reduce(dBias.rows) { sum($0, [$1]) }
      linearBackward(
        dInput: dInput.view, accumulate: accumulate, dWeight: dWeight.view, dBias: dBias.view, dOut: dOut.view,
        input: input.view, weight: LinearWeight(weight.view), arena: Arena())
      #expect(largestError(dInput.rows, expectedDInput) < 1e-4)
      #expect(largestError(dWeight.rows, expectedDWeight) < 5e-5)
      #expect(largestError(dBias.rows, expectedDBias) < 1e-5)
      #expect(dInput.gapsAreUntouched)
    }
  }

  @Test("a stale gradient is overwritten, by nothing too", arguments: [0, 1, 15, 700], [Precision.float32, .bfloat16])
  func stale(tokens: Int, precision: Precision) {
    let (input, dOut) = (FencedMatrix(tokens, 33), FencedMatrix(tokens, 31, seed: 3))
    let weight = LinearWeight(FencedMatrix(31, 33, seed: 2).view, precision: precision)
    let gradients = [true, false].map { isStale in
      let dWeight = FencedMatrix(31, 33, seed: 5)
      if !isStale { dWeight.view.fill(0) }
      linearBackward(
        dInput: nil, dWeight: dWeight.view, isStale: isStale, dBias: nil, dOut: dOut.view, input: input.view,
        weight: weight, arena: Arena())
      return dWeight.rows
    }
    #expect(gradients[0] == gradients[1])
    #expect(gradients[0].joined().contains { $0 != 0 } == (tokens > 0))
  }

  @Test("no tokens: nothing is added, and nothing touched")
  func noTokens() {
    let (input, dOut, dInput) = (FencedMatrix(0, 7), FencedMatrix(0, 5), FencedMatrix(0, 7))
    let weight = FencedMatrix(5, 7, seed: 2)
    let (dWeight, dBias) = (FencedMatrix(5, 7, seed: 3), FencedMatrix(1, 5, seed: 4))
    let before = (dWeight.rows, dBias.rows)
    linearForward(
      out: dOut.view, input: input.view, weight: LinearWeight(weight.view), bias: dBias.view, arena: Arena())
    linearBackward(
      dInput: dInput.view, dWeight: dWeight.view, dBias: dBias.view, dOut: dOut.view, input: input.view,
      weight: LinearWeight(weight.view), arena: Arena())
    #expect(dWeight.rows == before.0 && dBias.rows == before.1)
  }

  @Test("columns are summed over any number of rows and columns", arguments: awkwardSizes, [0, 1, 2, 33])
  func columnSums(columns: Int, rows: Int) {
    let dOut = FencedMatrix(rows, columns, stride: columns + 3)
    let dBias = FencedMatrix(1, columns, seed: 2)
    let expected = dOut.rows.reduce(dBias.rows) { sum($0, [$1]) }
    linearBackward(
      dInput: nil, dWeight: nil, dBias: dBias.view, dOut: dOut.view, input: FencedMatrix(rows, 1).view,
      weight: LinearWeight(FencedMatrix(columns, 1).view), arena: Arena())
    #expect(largestError(dBias.rows, expected) < 1e-5)
  }
}
