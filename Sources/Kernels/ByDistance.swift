import CKernels

/// Which column of a product with a table of positions belongs to a distance: columns never fall from one distance to
/// the next.
package struct DistanceColumns {
  private let base: UnsafeMutablePointer<Int32>
  /// From −longest to longest.
  private let longest: Int

  /// - Parameter column: of each distance from −longest to longest.
  package init(longest: Int, arena: Arena, column: (Int) -> Int) {
    precondition(longest >= 0)
    self.longest = longest
    let count = 2 * longest + 1
    base = UnsafeMutableRawPointer(arena.allocate(count)).bindMemory(to: Int32.self, capacity: count)
    for distance in -longest...longest {
      base[distance + longest] = Int32(column(distance))
      precondition(distance == -longest || base[distance + longest] >= base[distance + longest - 1])
    }
  }

  package subscript(distance: Int) -> Int {
    precondition(abs(distance) <= longest)
    return Int(base[distance + longest])
  }

  /// The columns that sentences of some length need.
  package func columns(length: Int) -> Range<Int> { self[1 - length]..<self[length - 1] + 1 }

  /// Distance 0, for rows and columns that are at most `length` apart.
  fileprivate func origin(_ length: Int, _ columns: Int, first: Int) -> UnsafePointer<Int32> {
    precondition(length - 1 <= longest && first <= self[1 - length] && self[length - 1] - first < columns)
    return UnsafePointer(base + longest)
  }
}

/// out[i, j] += x[i, column(j − i)]. out: (rows, length), x: (rows, columns), the first of which is column `first`.
package func addByDistanceForward(out: Matrix, _ x: Matrix, _ columns: DistanceColumns, first: Int) {
  precondition(x.rows == out.rows && out.rows <= out.columns)
  let origin = columns.origin(out.columns, x.columns, first: first)
  ck_add_by_distance(out.base, out.stride, x.base - first, x.stride, origin, out.rows, out.columns)
}

/// Adds to the gradient of x. Forward: out[i, j] += x[i, column(j − i)].
package func addByDistanceBackward(dX: Matrix, dOut: Matrix, _ columns: DistanceColumns, first: Int) {
  precondition(dX.rows == dOut.rows && dOut.rows <= dOut.columns)
  let origin = columns.origin(dOut.columns, dX.columns, first: first)
  ck_sum_by_distance(dX.base - first, dX.stride, dOut.base, dOut.stride, origin, dOut.rows, dOut.columns)
}

/// out[i, j] += x[j, column(i − j)]. out: (rows, length), x: (length, columns), the first of which is column `first`.
package func addByDistanceTransposedForward(out: Matrix, _ x: Matrix, _ columns: DistanceColumns, first: Int) {
  precondition(x.rows == out.columns && out.rows <= out.columns)
  let origin = columns.origin(out.columns, x.columns, first: first)
  ck_add_by_distance_transposed(out.base, out.stride, x.base - first, x.stride, origin, out.rows, out.columns)
}

/// Adds to the gradient of x. Forward: out[i, j] += x[j, column(i − j)].
package func addByDistanceTransposedBackward(dX: Matrix, dOut: Matrix, _ columns: DistanceColumns, first: Int) {
  precondition(dX.rows == dOut.columns && dOut.rows <= dOut.columns)
  let origin = columns.origin(dOut.columns, dX.columns, first: first)
  ck_sum_by_distance_transposed(dX.base - first, dX.stride, dOut.base, dOut.stride, origin, dOut.rows, dOut.columns)
}
