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
}
