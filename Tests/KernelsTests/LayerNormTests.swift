import Glibc
import Kernels
import Testing

struct LayerNormTests {
  private struct Reference {
    var out: [[Double]] = []
    var mean: [Double] = []
    var rstd: [Double] = []

    init(_ sum: [[Double]], gamma: [Double], beta: [Double], eps: Double) {
      for row in sum {
        let mean = row.reduce(0, +) / Double(row.count)
        let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
        let rstd = 1 / (variance + eps).squareRoot()
        self.mean.append(mean)
        self.rstd.append(rstd)
        out.append(row.indices.map { (row[$0] - mean) * rstd * gamma[$0] + beta[$0] })
      }
    }
  }

  @Test("rows are normalized about their mean, near zero or far from it", arguments: awkwardSizes, [0, 100] as [Float])
  func forward(columns: Int, offset: Float) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    for rows in [0, 1, 7] {
      for hasResidual in [false, true] {
        let sum = FencedMatrix(rows, columns, in: offset - 2...offset + 2)
        let residual = FencedMatrix(rows, columns, seed: 2)
        let (gamma, beta) = (FencedMatrix(1, columns, seed: 3), FencedMatrix(1, columns, seed: 4))
        let out = FencedMatrix(rows, columns)
        let statistics = LayerNormStatistics(rows: rows, arena: arena)
        // What the kernel normalizes is the sum as rounded to single precision.
        let total = zip(sum.view.doubles, residual.rows).map { row, other in
          zip(row, other).map { hasResidual ? Double(Float($0) + Float($1)) : $0 }
        }
        let expected = Reference(total, gamma: gamma.rows[0], beta: beta.rows[0], eps: 1e-5)
        layerNormForward(
          out: out.view, sum: sum.view, residual: hasResidual ? residual.view : nil, gamma: gamma.view,
          beta: beta.view, eps: 1e-5, statistics: statistics)
        #expect(sum.rows == total)
        // The mean carries a rounding error of the offset, over a deviation of about 1.
        let tolerance = columns == 1 ? 1e-2 : columns == 2 && offset > 0 ? 1e-2 : offset > 0 ? 1e-4 : 5e-6
        #expect(largestError(out.rows, expected.out) < tolerance)
        for row in 0..<rows {
          #expect(abs(Double(statistics.mean[row]) - expected.mean[row]) < 1e-6 * max(1, Double(offset)))
          #expect(abs(Double(statistics.rstd[row]) / expected.rstd[row] - 1) < tolerance)
        }
      }
    }
  }

  @Test("without beta, as with a beta of zero", arguments: awkwardSizes)
  func withoutBeta(columns: Int) {
    let (sum, other) = (FencedMatrix(3, columns), FencedMatrix(3, columns))
    let gamma = FencedMatrix(1, columns, seed: 3)
    let beta = FencedMatrix(1, columns, in: 0...0)
    let (out, expected) = (FencedMatrix(3, columns), FencedMatrix(3, columns))
    layerNormForward(
      out: out.view, sum: sum.view, residual: nil, gamma: gamma.view, beta: nil, eps: 1e-5, statistics: nil)
    layerNormForward(
      out: expected.view, sum: other.view, residual: nil, gamma: gamma.view, beta: beta.view, eps: 1e-5,
      statistics: nil)
    #expect(out.rows == expected.rows)
  }

  @Test("a constant row becomes beta, whatever eps")
  func constantRows() {
    let sum = FencedMatrix(2, 33, in: 3...3)
    let (gamma, beta) = (FencedMatrix(1, 33, seed: 3), FencedMatrix(1, 33, seed: 4))
    let out = FencedMatrix(2, 33)
    layerNormForward(
      out: out.view, sum: sum.view, residual: nil, gamma: gamma.view, beta: beta.view, eps: 1e-12, statistics: nil)
    #expect(largestError(out.rows, [beta.rows[0], beta.rows[0]]) < 1e-6)
  }

  @Test("a NaN fills its row and no other")
  func nanStaysInItsRow() {
    let sum = FencedMatrix(3, 20)
    sum.view[1, 18] = .nan
    let (gamma, beta) = (FencedMatrix(1, 20, seed: 3), FencedMatrix(1, 20, seed: 4))
    let out = FencedMatrix(3, 20)
    layerNormForward(
      out: out.view, sum: sum.view, residual: nil, gamma: gamma.view, beta: beta.view, eps: 1e-12, statistics: nil)
    #expect(out.rows[1].allSatisfy { $0.isNaN })
    #expect((out.rows[0] + out.rows[2]).allSatisfy { $0.isFinite })
  }

  @Test("gradients of the sum, gamma and beta", arguments: awkwardSizes.dropFirst(), [false, true])
  func backward(columns: Int, wantsParameters: Bool) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    for rows in [0, 1, 7] {
      let sum = FencedMatrix(rows, columns)
      let (gamma, beta) = (FencedMatrix(1, columns, seed: 3), FencedMatrix(1, columns, seed: 4))
      let statistics = LayerNormStatistics(rows: rows, arena: arena)
      layerNormForward(
        out: FencedMatrix(rows, columns).view, sum: sum.view, residual: nil, gamma: gamma.view, beta: beta.view,
        eps: 1e-3, statistics: statistics)
      let reference = Reference(sum.rows, gamma: gamma.rows[0], beta: beta.rows[0], eps: 1e-3)

      let d = FencedMatrix(rows, columns, seed: 5)
      let (dGamma, dBeta) = (FencedMatrix(1, columns, seed: 6), FencedMatrix(1, columns, seed: 7))
      var (expectedDGamma, expectedDBeta) = (dGamma.rows[0], dBeta.rows[0])
      var expectedD: [[Double]] = []
      for (row, dRow) in d.rows.enumerated() {
        let hat = sum.rows[row].map { ($0 - reference.mean[row]) * reference.rstd[row] }
        let g = zip(dRow, gamma.rows[0]).map { $0 * $1 }
        let meanG = g.reduce(0, +) / Double(columns)
        let meanGHat = zip(g, hat).reduce(0) { $0 + $1.0 * $1.1 } / Double(columns)
        expectedD.append(g.indices.map { reference.rstd[row] * (g[$0] - meanG - hat[$0] * meanGHat) })
        if wantsParameters {
          for column in hat.indices {
            expectedDGamma[column] += dRow[column] * hat[column]
            expectedDBeta[column] += dRow[column]
          }
        }
      }
      layerNormBackward(
        d: d.view, sum: sum.view, gamma: gamma.view, dGamma: wantsParameters ? dGamma.view : nil,
        dBeta: wantsParameters ? dBeta.view : nil, statistics: statistics)
      // Two columns may lie close together, and their reciprocal deviation is then large.
      let largest = reference.rstd.max() ?? 1
      #expect(largestError(d.rows, expectedD) < 5e-6 * max(1, largest))
      #expect(largestError(dGamma.rows, [expectedDGamma]) < 1e-5 * max(1, largest))
      #expect(largestError(dBeta.rows, [expectedDBeta]) < 5e-6)
    }
  }
}
