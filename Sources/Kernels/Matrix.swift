/// A row-major view of floats that it does not own: `rows` rows of `columns` values, `stride` values apart.
///
/// A view is not `Sendable`: whoever owns the memory hands each thread a view of its own.
package struct Matrix {
  package let base: UnsafeMutablePointer<Float>
  package let rows: Int
  package let columns: Int
  /// Distance between the starts of neighbouring rows; equal to `columns` when the rows touch.
  package let stride: Int

  package init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int? = nil) {
    self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride ?? columns
  }

  package var count: Int { rows * columns }
  package var isContiguous: Bool { stride == columns || rows <= 1 }

  package subscript(row: Int, column: Int) -> Float {
    get {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      return base[row * stride + column]
    }
    nonmutating set {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      base[row * stride + column] = newValue
    }
  }

  package func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows)
    return Matrix(base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
  }

  package func columns(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns)
    return Matrix(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
  }

  /// All values in order.
  package var values: UnsafeMutableBufferPointer<Float> {
    precondition(isContiguous)
    return UnsafeMutableBufferPointer(start: base, count: count)
  }

  package func fill(_ value: Float) {
    for row in 0..<rows { (base + row * stride).update(repeating: value, count: columns) }
  }

  package func copy(from other: Matrix) {
    precondition(rows == other.rows && columns == other.columns)
    if isContiguous && other.isContiguous {
      base.update(from: other.base, count: count)
    } else {
      for row in 0..<rows { (base + row * stride).update(from: other.base + row * other.stride, count: columns) }
    }
  }
}
