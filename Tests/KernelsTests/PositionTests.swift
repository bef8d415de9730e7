import Glibc
import Kernels
import Testing

/// What attention knows of positions, against double precision. A backward pass is its forward's adjoint, these being
/// linear: ⟨forward(x), d⟩ = ⟨x, backward(d)⟩.
struct PositionTests {
  private static func dot(_ a: [[Double]], _ b: [[Double]]) -> Double {
    zip(a, b).reduce(0) { $0 + zip($1.0, $1.1).reduce(0) { $0 + $1.0 * $1.1 } }
  }

  // MARK: Rotation

  @Test("pairs of columns turn by their position's angle, and back", arguments: [2, 6, 30, 32, 34, 64], [1, 3])
  func rotation(headSize: Int, heads: Int) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let half = headSize / 2
    let x = FencedMatrix(9, heads * headSize, stride: heads * headSize + 7)
    let before = x.rows
    // More positions than rows, as of a batch's longest sentence.
    let rotation = Rotation(positions: 11, headSize: headSize, base: 160_000, arena: arena)
    rotaryForward(x.view, heads: heads, rotation)
    var expected = before
    for row in 0..<9 {
      for head in 0..<heads {
        for column in 0..<half {
          let angle = Double(row) / pow(160_000, Double(2 * column) / Double(headSize))
          let (a, b) = (head * headSize + column, head * headSize + half + column)
          expected[row][a] = before[row][a] * cos(angle) - before[row][b] * sin(angle)
          expected[row][b] = before[row][b] * cos(angle) + before[row][a] * sin(angle)
        }
      }
    }
    #expect(largestError(x.rows, expected) < 3e-6)
    #expect(x.gapsAreUntouched)
    // An orthogonal map's adjoint is its inverse.
    rotaryBackward(x.view, heads: heads, rotation)
    #expect(largestError(x.rows, before) < 1e-6)
  }

  // MARK: Windows

  @Test("a row's softmax is that of the columns in its window", arguments: [1, 15, 16, 17, 40, 130], [0, 3, 64])
  func window(columns: Int, window: Int) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    for first in Set([0, columns / 2, columns - 1]) {
      let rows = min(columns - first, 40)
      let (scores, p) = (arena.tile(rows, columns), arena.tile(rows, columns))
      scores.randomize(in: -9...9)
      p.randomize(seed: 2)
      var expected = scores.doubles
      for row in 0..<rows {
        let seen = expected[row].indices.filter { abs($0 - first - row) <= window }
        let total = seen.reduce(0) { $0 + exp(expected[row][$1]) }
        expected[row] = expected[row].indices.map { seen.contains($0) ? exp(expected[row][$0]) / total : 0 }
      }
      softmaxForward(out: p, scores: scores, first: first, window: window)
      #expect(largestError(p.doubles, expected) < 1e-6)
      #expect(p.padding.allSatisfy { $0 == 0 })
      // In place; what is outside has no gradient.
      softmaxForward(out: scores, scores: scores, first: first, window: window)
      #expect(scores.doubles == p.doubles)
      let d = arena.tile(rows, columns)
      d.randomize(seed: 3)
      softmaxBackward(d: d, probabilities: p)
      for row in 0..<rows {
        #expect(d.doubles[row].indices.allSatisfy { abs($0 - first - row) <= window || d[row, $0] == 0 })
      }
    }
  }

  // MARK: Tables by distance

  /// Distances up to 3 with a column each, longer ones shared.
  private static func shared(_ distance: Int) -> Int {
    let sign = distance < 0 ? -1 : 1
    return 5 + (abs(distance) <= 3 ? distance : sign * min(5, 3 + abs(distance) / 8))
  }

  /// A column each.
  private static func own(_ distance: Int) -> Int { distance + 90 }

  @Test(
    "scores get what a table's product holds for their distance, and its gradient is their sum",
    arguments: [1, 2, 5, 16, 33, 70], [true, false])
  func byDistance(length: Int, isShared: Bool) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let column = isShared ? Self.shared : Self.own
    let columns = DistanceColumns(longest: 90, arena: arena, column: column)
    let range = columns.columns(length: length)
    for rows in Set([1, length]) {
      for isTransposed in [false, true] {
        let x = FencedMatrix(isTransposed ? length : rows, range.count, stride: range.count + 3)
        let scores = arena.tile(rows, length)
        scores.randomize(seed: 2)
        let before = scores.doubles
        func place(_ i: Int, _ j: Int) -> (Int, Int) {
          isTransposed ? (j, column(i - j) - range.lowerBound) : (i, column(j - i) - range.lowerBound)
        }
        var expected = before
        for i in 0..<rows {
          for j in 0..<length {
            let (row, column) = place(i, j)
            expected[i][j] += x.rows[row][column]
          }
        }
        if isTransposed {
          addByDistanceTransposedForward(out: scores, x.view, columns, first: range.lowerBound)
        } else {
          addByDistanceForward(out: scores, x.view, columns, first: range.lowerBound)
        }
        #expect(largestError(scores.doubles, expected) < 1e-6)

        let d = arena.tile(rows, length)
        d.randomize(seed: 3)
        let dX = FencedMatrix(x.view.rows, range.count, stride: range.count + 5, seed: 4)
        var dExpected = dX.rows
        for i in 0..<rows {
          for j in 0..<length {
            let (row, column) = place(i, j)
            dExpected[row][column] += Double(d[i, j])
          }
        }
        if isTransposed {
          addByDistanceTransposedBackward(dX: dX.view, dOut: d, columns, first: range.lowerBound)
        } else {
          addByDistanceBackward(dX: dX.view, dOut: d, columns, first: range.lowerBound)
        }
        #expect(largestError(dX.rows, dExpected) < 2e-5)
        #expect(dX.gapsAreUntouched && x.gapsAreUntouched)
      }
    }
  }

  // MARK: Means

  @Test("the mean of some rows, and its gradient", arguments: awkwardSizes, [1, 2, 9])
  func mean(columns: Int, rows: Int) {
    let x = FencedMatrix(rows, columns, stride: columns + 2)
    let out = FencedMatrix(1, columns, seed: 2)
    meanForward(out: out.view, rows: x.view)
    let expected = (0..<columns).map { column in x.rows.reduce(0) { $0 + $1[column] } / Double(rows) }
    #expect(largestError(out.rows, [expected]) < 1e-6)
    let (d, dX) = (FencedMatrix(1, columns, seed: 3), FencedMatrix(rows, columns, seed: 4))
    let dBefore = dX.rows
    meanBackward(dRows: dX.view, dOut: d.view)
    let added = dX.rows.indices.map { row in zip(dX.rows[row], dBefore[row]).map { $0 - $1 } }
    #expect(abs(Self.dot(x.rows, added) - Self.dot([expected], d.rows)) < 1e-4)
  }
}
