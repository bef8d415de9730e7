import Glibc
import Kernels
import Testing

/// Tile functions against double precision. What lies beyond a tile's valid columns is NaN at first: a kernel that let
/// it into a result would show.
struct AttentionTileTests {
  /// Every length up to four vectors, and a few long ones.
  static let lengths = Array(1...70) + [100, 128, 257]

  private static func softmax(_ scores: [Double]) -> [Double] {
    let largest = scores.max() ?? 0
    let exponentials = scores.map { exp($0 - largest) }
    let total = exponentials.reduce(0, +)
    return exponentials.map { $0 / total }
  }

  private static func divergence(_ teacher: [Double], _ student: [Double]) -> Double {
    func logSum(_ values: [Double]) -> Double {
      let largest = values.max() ?? 0
      return largest + log(values.reduce(0) { $0 + exp($1 - largest) })
    }
    let (t, s) = (logSum(teacher), logSum(student))
    return zip(teacher, student).reduce(0) { $0 + exp($1.0 - t) * (($1.0 - t) - ($1.1 - s)) }
  }

  // MARK: Moves

  @Test("a tile's stride is whole vectors")
  func strides() {
    #expect([0, 1, 15, 16, 17, 32, 257].map(tileStride) == [0, 16, 16, 16, 32, 32, 272])
  }

  @Test("gathered and transposed tiles hold the matrix, then zeros", arguments: awkwardSizes, [1, 2, 17, 40])
  func moves(columns: Int, rows: Int) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let x = FencedMatrix(rows, columns, stride: columns + 5)
    let gathered = arena.tile(rows, columns)
    let transposed = arena.tile(columns, rows)
    gathered.randomize()
    transposed.randomize()
    gatherTile(gathered, from: x.view)
    transposeTile(transposed, from: x.view)
    #expect(gathered.doubles == x.rows)
    #expect(transposed.doubles == (0..<columns).map { column in x.rows.map { $0[column] } })
    #expect((gathered.padding + transposed.padding).allSatisfy { $0 == 0 })
  }

  // MARK: Products

  @Test("products of tiles, with either factor transposed", arguments: awkwardSizes, [1, 5, 6, 7, 12, 20, 65])
  func products(columns: Int, rows: Int) {
    for inner in [1, 16, 33] {
      for transpose in [Transpose.no, .yes] {
        for accumulate in [false, true] {
          let arena = Arena()
          defer { withExtendedLifetime(arena) {} }
          let a =
            transpose == .no
            ? FencedMatrix(rows, inner, stride: inner + 3) : FencedMatrix(inner, rows, stride: rows + 3)
          let (b, c) = (arena.tile(inner, columns), arena.tile(rows, columns))
          b.randomize(seed: 2)
          c.randomize(seed: 3)
          var expected = c.doubles
          let (aRows, bRows) = (a.rows, b.doubles)
          for row in 0..<rows {
            for column in 0..<columns {
              let sum = (0..<inner).reduce(0.0) {
                $0 + (transpose == .no ? aRows[row][$1] : aRows[$1][row]) * bRows[$1][column]
              }
              expected[row][column] = (accumulate ? expected[row][column] : 0) + 0.3 * sum
            }
          }
          tileProduct(c, a.view, transpose, b, scale: 0.3, accumulate: accumulate)
          #expect(largestError(c.doubles, expected) < 1e-5)
        }
      }
    }
  }

  @Test("a product in place of a head's columns leaves the other heads", arguments: [16, 32, 64])
  func productIntoColumns(headSize: Int) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let out = FencedMatrix(9, 3 * headSize)
    let before = out.rows
    let (a, b) = (FencedMatrix(9, 9), arena.tile(9, headSize))
    b.randomize(seed: 2, padding: 0)
    tileProduct(out.view.columns(headSize..<2 * headSize), a.view, .no, b)
    for row in 0..<9 {
      #expect(Array(out.rows[row][..<headSize]) == Array(before[row][..<headSize]))
      #expect(Array(out.rows[row][(2 * headSize)...]) == Array(before[row][(2 * headSize)...]))
    }
  }

  // MARK: Softmax

  @Test("softmax of rows of any length, in place or not", arguments: lengths, [1, 30, 1000, 10_000] as [Float])
  func softmaxForwards(length: Int, magnitude: Float) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let (scores, out) = (arena.tile(3, length), arena.tile(3, length))
    scores.randomize(in: -magnitude...magnitude)
    out.randomize(seed: 2)
    let expected = scores.doubles.map(Self.softmax)
    softmaxForward(out: out, scores: scores)
    // The difference of two scores is rounded at their magnitude before the exponential.
    #expect(largestError(out.doubles, expected) < 3e-7 * max(1, Double(magnitude) / 100))
    #expect(out.padding.allSatisfy { $0 == 0 })
    for row in out.doubles { #expect(abs(row.reduce(0, +) - 1) < 1e-6) }
    softmaxForward(out: scores, scores: scores)
    #expect(scores.doubles == out.doubles)
    #expect(scores.padding.allSatisfy { $0 == 0 })
  }

  @Test("−∞ has probability 0, and a NaN fills its row", arguments: [2, 16, 17, 40])
  func softmaxOfSpecialValues(length: Int) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let scores = arena.tile(2, length)
    scores.randomize()
    scores[0, 1] = -.infinity
    scores[1, length - 1] = .nan
    softmaxForward(out: scores, scores: scores)
    #expect(scores[0, 1] < 1e-37)
    #expect(abs(scores.doubles[0].reduce(0, +) - 1) < 1e-6)
    #expect(scores.doubles[1].allSatisfy { $0.isNaN })
  }

  @Test("softmax's gradient", arguments: lengths)
  func softmaxBackwards(length: Int) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let (p, d) = (arena.tile(3, length), arena.tile(3, length))
    p.randomize(in: -3...3)
    softmaxForward(out: p, scores: p)
    d.randomize(seed: 2)
    let expected = zip(p.doubles, d.doubles).map { p, d in
      let mean = zip(p, d).reduce(0) { $0 + $1.0 * $1.1 }
      return zip(p, d).map { 0.4 * $0 * ($1 - mean) }
    }
    softmaxBackward(d: d, probabilities: p, scale: 0.4)
    #expect(largestError(d.doubles, expected) < 1e-6)
    #expect(d.padding.allSatisfy { $0 == 0 })
  }

  // MARK: Divergence

  @Test("KL divergence and its gradient", arguments: lengths, [1, 30, 1000, 10_000] as [Float])
  func divergences(length: Int, magnitude: Float) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let (teacher, student, d) = (arena.tile(3, length), arena.tile(3, length), arena.tile(3, length))
    teacher.randomize(in: -magnitude...magnitude)
    student.randomize(in: -magnitude...magnitude, seed: 2)
    d.randomize(seed: 3, padding: 0)
    let (t, s) = (teacher.doubles, student.doubles)
    let expected = zip(t, s).reduce(0) { $0 + Self.divergence($1.0, $1.1) }
    let expectedD = d.doubles.indices.map { row in
      d.doubles[row].indices.map {
        d.doubles[row][$0] + 0.25 * (Self.softmax(s[row])[$0] - Self.softmax(t[row])[$0])
      }
    }
    let tolerance = 1e-6 * max(1, Double(magnitude) / 30)
    let alone = klDivergence(teacher: teacher, student: student, d: nil, scale: 0.25)
    #expect(abs(alone - expected) <= 10 * tolerance, "\(alone), not \(expected)")
    #expect(klDivergence(teacher: teacher, student: student, d: d, scale: 0.25) == alone)
    #expect(largestError(d.doubles, expectedD) < tolerance)
  }

  @Test("equal scores, or scores shifted by a constant, do not diverge", arguments: lengths)
  func equalScores(length: Int) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let (teacher, d) = (arena.tile(4, length), arena.tile(4, length))
    teacher.randomize(in: -1e4...1e4)
    d.fill(0)
    #expect(klDivergence(teacher: teacher, student: teacher, d: d, scale: 1) == 0)
    #expect(d.doubles.joined().allSatisfy { $0 == 0 })
    teacher.randomize(in: -4...4)
    let student = arena.tile(4, length)
    student.randomize(in: -4...4)
    for row in 0..<4 { for column in 0..<length { student[row, column] += 50 } }
    #expect(abs(klDivergence(teacher: teacher, student: student, d: nil, scale: 1)) < 5e-5)
  }

  @Test("a NaN score of either model makes the divergence NaN", arguments: [2, 16, 17, 40], [false, true])
  func divergenceOfNaN(length: Int, inTeacher: Bool) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let (teacher, student) = (arena.tile(2, length), arena.tile(2, length))
    teacher.randomize()
    student.randomize(seed: 2)
    (inTeacher ? teacher : student)[1, length / 2] = .nan
    #expect(klDivergence(teacher: teacher, student: student, d: nil, scale: 1).isNaN)
  }
}
