import CKernels
import COpenBLAS

/// A factor of a matrix product: a matrix, or one read as its transpose.
struct Factor {
  let matrix: Matrix
  let isTransposed: Bool

  init(_ matrix: Matrix) { (self.matrix, isTransposed) = (matrix, false) }
  init(transposed matrix: Matrix) { (self.matrix, isTransposed) = (matrix, true) }

  var rows: Int { isTransposed ? matrix.columns : matrix.rows }
  var columns: Int { isTransposed ? matrix.rows : matrix.columns }
  fileprivate var rowStride: Int { isTransposed ? 1 : matrix.stride }
  fileprivate var columnStride: Int { isTransposed ? matrix.stride : 1 }
  fileprivate var cblas: CBLAS_TRANSPOSE { isTransposed ? CblasTrans : CblasNoTrans }
}

/// What a matrix product is added to.
enum Addend {
  case nothing
  /// What the result holds before.
  case itself
  /// (1, columns), to every row.
  case row(Matrix)
}

/// The implementations of matrix products.
enum ProductKernel: Sendable, Hashable {
  /// Ours, with panels of so many columns: near the processor's peak. An element's sum has an order that depends on the
  /// inner dimension alone, so that a row's result does not depend on the rows beside it.
  case panels(width: Int)
  /// For processors that have no kernel.
  case openBLAS

  /// What this processor runs, best first.
  static let available: [ProductKernel] = {
    let widths = [Int.max, 31].map { ck_panel_width($0) }
    return Set(widths).sorted(by: >).filter { $0 > 0 }.map { .panels(width: $0) } + [.openBLAS]
  }()

  static let best = available[0]

  /// The columns of a packed panel, if this kernel has such.
  var panelWidth: Int? {
    if case .panels(let width) = self { return width }
    return nil
  }
}

/// c = a·b + addend.
///
/// - Parameters:
///   - panels: b as `PackedWeights` keeps it.
///   - arena: for scratch.
func multiply(
  _ c: Matrix, _ a: Factor, _ b: Factor, panels: UnsafePointer<Float>? = nil, adding addend: Addend, arena: Arena,
  kernel: ProductKernel = .best
) {
  precondition(c.rows == a.rows && c.columns == b.columns && a.columns == b.rows)
  guard c.count > 0 else { return }
  // An empty sum is what the pass below would not write.
  guard let width = kernel.panelWidth, a.columns > 0 else { return multiplyByOpenBLAS(c, a, b, adding: addend) }
  var product = ck_product()
  product.c = c.base
  product.cStride = c.stride
  switch addend {
  case .nothing: break
  case .itself: (product.base, product.baseStride) = (UnsafePointer(c.base), c.stride)
  case .row(let row): product.base = UnsafePointer(row.base)
  }
  product.a = UnsafePointer(a.matrix.base)
  product.aRow = a.rowStride
  product.aInner = a.columnStride
  product.b = UnsafePointer(b.matrix.base)
  product.bInner = b.rowStride
  product.bColumn = b.columnStride
  product.panels = panels
  product.rows = c.rows
  product.columns = c.columns
  product.inner = a.columns
  product.width = width
  ck_multiply(&product, arena.productScratch())
}

private func multiplyByOpenBLAS(_ c: Matrix, _ a: Factor, _ b: Factor, adding addend: Addend) {
  var accumulates = false
  switch addend {
  case .nothing: break
  case .itself: accumulates = true
  case .row(let row):
    for index in 0..<c.rows { (c.base + index * c.stride).update(from: row.base, count: c.columns) }
    accumulates = true
  }
  cblas_sgemm(
    CblasRowMajor, a.cblas, b.cblas, blasint(c.rows), blasint(c.columns), blasint(a.columns), 1, a.matrix.base,
    blasint(a.matrix.stride), b.matrix.base, blasint(b.matrix.stride), accumulates ? 1 : 0, c.base,
    blasint(c.stride))
}

/// What OpenBLAS runs as, for the log: its kernel's name and its number of threads.
package func openBLASDescription() -> (core: String, threads: Int) {
  (String(cString: openblas_get_corename()), Int(openblas_get_num_threads()))
}

/// How OpenBLAS was built: its version and options, and whether many threads may call it at once.
package func openBLASBuild() -> (configuration: String, isThreaded: Bool) {
  (String(cString: openblas_get_config()), openblas_get_parallel() != 0)
}
