import Glibc
import Kernels
import Testing

struct SumTests {
  @Test("matrices of other strides are added, scaled", arguments: awkwardSizes, [1, -0.3] as [Float])
  func addsMatrices(columns: Int, scale: Float) {
    for (rows, outGap, gap) in [(0, 0, 0), (1, 3, 0), (5, 0, 0), (5, 7, 2)] {
      let out = FencedMatrix(rows, columns, stride: columns + outGap)
      let x = FencedMatrix(rows, columns, stride: columns + gap, seed: 2)
      let expected = zip(out.rows, x.rows).map { zip($0, $1).map { $0 + Double(scale) * $1 } }
      add(x.view, to: out.view, scale: scale)
      #expect(largestError(out.rows, expected) < 4e-7)
      #expect(out.gapsAreUntouched)
    }
  }

  @Test("buffers are added, scaled", arguments: [0] + awkwardSizes, [1, -0.3] as [Float])
  func addsBuffers(count: Int, scale: Float) {
    let out = FencedMatrix(1, count)
    let x = FencedMatrix(1, count, seed: 2)
    let expected = zip(out.rows, x.rows).map { zip($0, $1).map { $0 + Double(scale) * $1 } }
    add(UnsafeBufferPointer(x.view.values), to: out.view.values, scale: scale)
    #expect(largestError(out.rows, expected) < 4e-7)
  }

  @Test("squares are summed in double precision", arguments: [0] + awkwardSizes)
  func sumsSquares(count: Int) {
    let x = FencedMatrix(1, count, in: -1000...1000)
    let expected = x.rows[0].reduce(0) { $0 + $1 * $1 }
    let found = sumOfSquares(UnsafeBufferPointer(x.view.values))
    #expect(abs(found - expected) <= 1e-14 * expected)
  }

  @Test("small squares are not lost beside a large one")
  func sumsSquaresOfManySizes() {
    var values = [Float](repeating: 1e-3, count: 1001)
    values[0] = 1e4
    let x = FencedMatrix(values)
    // In single precision 1e8 + 1e-6 is 1e8.
    let expected = 1e8 + 1000 * Double(Float(1e-3)) * Double(Float(1e-3))
    #expect(abs(sumOfSquares(UnsafeBufferPointer(x.view.values)) - expected) < 1e-6)
  }

  @Test("squared error and its gradient", arguments: awkwardSizes)
  func squaredErrors(columns: Int) {
    for (rows, gap) in [(0, 0), (1, 0), (3, 0), (4, 5)] {
      let a = FencedMatrix(rows, columns, stride: columns + gap)
      let b = FencedMatrix(rows, columns, stride: columns + 2 * gap, seed: 2)
      let d = FencedMatrix(rows, columns, stride: columns + gap, seed: 3)
      let differences = zip(a.rows, b.rows).map { zip($0, $1).map { $0 - $1 } }
      let expected = differences.joined().reduce(0) { $0 + $1 * $1 }
      let expectedD = zip(d.rows, differences).map { zip($0, $1).map { $0 + 0.7 * $1 } }
      #expect(abs(squaredError(a.view, b.view, d: nil, scale: 9) - expected) <= 1e-6 * expected)
      #expect(abs(squaredError(a.view, b.view, d: d.view, scale: 0.7) - expected) <= 1e-6 * expected)
      #expect(largestError(d.rows, expectedD) < 1e-6)
      #expect(d.gapsAreUntouched)
      #expect(squaredError(a.view, a.view, d: nil, scale: 1) == 0)
    }
  }
}
