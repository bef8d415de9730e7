import Glibc
import Kernels

/// Test inputs: the same numbers in every run (SplitMix64).
struct Numbers: RandomNumberGenerator {
  private var counter: UInt64

  init(seed: Int) { counter = UInt64(seed) &* 0xD134_2543_DE82_EF95 }

  mutating func next() -> UInt64 {
    counter &+= 0x9E37_79B9_7F4A_7C15
    var mixed = counter
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// A matrix whose last value is the last that may be touched: the page after it is inaccessible, so that a read or a
/// write past the end crashes the test. Gaps between rows hold a mark, so that writes into them show.
///
/// The memory is never given back: Swift may release an object after its last use, and a view does not count as one.
struct FencedMatrix {
  let view: Matrix
  private static let gap: Float = -77_777

  /// Values uniform in `range`.
  init(_ rows: Int, _ columns: Int, stride: Int? = nil, in range: ClosedRange<Float> = -2...2, seed: Int = 1) {
    let stride = stride ?? columns
    let count = rows == 0 ? 0 : (rows - 1) * stride + columns
    let page = sysconf(Int32(_SC_PAGESIZE))
    let usable = (count * MemoryLayout<Float>.stride + page - 1) / page * page
    let pages: UnsafeMutableRawPointer = mmap(
      nil, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    precondition(pages != MAP_FAILED && mprotect(pages + usable, page, PROT_NONE) == 0)
    let base = (pages + usable - count * MemoryLayout<Float>.stride).bindMemory(to: Float.self, capacity: count)
    base.update(repeating: Self.gap, count: count)
    view = Matrix(base: base, rows: rows, columns: columns, stride: stride)
    var numbers = Numbers(seed: seed)
    for row in 0..<rows {
      for column in 0..<columns { view[row, column] = Float.random(in: range, using: &numbers) }
    }
  }

  /// A row.
  init(_ values: [Float]) {
    self.init(1, values.count)
    for (column, value) in values.enumerated() { view[0, column] = value }
  }

  var rows: [[Double]] { view.doubles }

  var gapsAreUntouched: Bool {
    (0..<max(0, view.rows - 1)).allSatisfy { row in
      (view.columns..<view.stride).allSatisfy { view.base[row * view.stride + $0] == Self.gap }
    }
  }
}

extension Matrix {
  /// Its rows, in double precision.
  var doubles: [[Double]] { (0..<rows).map { row in (0..<columns).map { Double(self[row, $0]) } } }

  /// What lies beyond the valid columns, row after row.
  var padding: [Float] { (0..<rows).flatMap { row in (columns..<stride).map { base[row * stride + $0] } } }

  /// Uniform numbers in the valid columns, `padding` beyond.
  func randomize(in range: ClosedRange<Float> = -2...2, seed: Int = 1, padding: Float = .nan) {
    var numbers = Numbers(seed: seed)
    for row in 0..<rows {
      for column in 0..<stride {
        base[row * stride + column] = column < columns ? Float.random(in: range, using: &numbers) : padding
      }
    }
  }
}

/// The largest difference between two tables of the same shape; infinite where one has a NaN the other lacks.
func largestError(_ found: [[Double]], _ expected: [[Double]]) -> Double {
  guard found.count == expected.count, zip(found, expected).allSatisfy({ $0.count == $1.count }) else {
    return .infinity
  }
  var largest = 0.0
  for (row, other) in zip(found, expected) {
    for (a, b) in zip(row, other) where !(a.isNaN && b.isNaN) {
      largest = max(largest, (a - b).isNaN ? .infinity : abs(a - b))
    }
  }
  return largest
}

/// Where vectors of 16 have no remainder, a small one, and one that lacks little.
let awkwardSizes = [1, 2, 15, 16, 17, 31, 33, 63, 100, 257]
