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
  var rowStride: Int { isTransposed ? 1 : matrix.stride }
  var columnStride: Int { isTransposed ? matrix.stride : 1 }
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

  /// What this processor runs of ours, best first.
  private static let own: [ProductKernel] = Set([Int.max, 31].map { ck_panel_width($0) }).sorted(by: >)
    .filter { $0 > 0 }.map { .panels(width: $0) }

  /// What this machine runs, best first.
  static let available = own + (copenblas_open() == nil ? [.openBLAS] : [])

  /// Looks for OpenBLAS only where there is nothing else.
  static let best = own.first ?? .openBLAS

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
  // What the passes below would not write. OpenBLAS may not have been opened.
  guard a.columns > 0 else { return addEmptySum(to: addend, c) }
  guard let width = kernel.panelWidth else { return multiplyByOpenBLAS(c, a, b, adding: addend) }
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

/// c = addend
private func addEmptySum(to addend: Addend, _ c: Matrix) {
  for index in 0..<c.rows {
    let row = c.base + index * c.stride
    switch addend {
    case .nothing: row.update(repeating: 0, count: c.columns)
    case .itself: break
    case .row(let bias): row.update(from: bias.base, count: c.columns)
    }
  }
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
  copenblas_sgemm(
    a.isTransposed ? 1 : 0, b.isTransposed ? 1 : 0, Int32(c.rows), Int32(c.columns), Int32(a.columns), 1,
    a.matrix.base, Int32(a.matrix.stride), b.matrix.base, Int32(b.matrix.stride), accumulates ? 1 : 0, c.base,
    Int32(c.stride))
}

/// No matrix product can be computed here.
package struct NoMatrixProduct: Error, CustomStringConvertible {
  package let description: String
}

/// Refuses a machine that can multiply no matrices, before anything else is done.
package func requireMatrixProduct() throws(NoMatrixProduct) {
  guard ProductKernel.best == .openBLAS, let problem = copenblas_open() else { return }
  throw NoMatrixProduct(
    description: "\(String(cString: problem)), and this processor has no matrix product of our own; install "
      + "libopenblas0-pthread")
}

/// OpenBLAS as it runs here: its kernel's name, its threads, its version and options, and whether many threads may call
/// it at once; `nil` where our own product takes its place or there is none.
package func openBLASInUse() -> (core: String, threads: Int, configuration: String, isThreaded: Bool)? {
  guard ProductKernel.best == .openBLAS, copenblas_open() == nil else { return nil }
  return (
    String(cString: copenblas_core()), Int(copenblas_threads()), String(cString: copenblas_configuration()),
    copenblas_is_parallel() != 0
  )
}
