import CKernels

package enum Transpose {
  case no
  case yes
}

/// The row stride of a tile of `columns` columns: whole vectors, so that kernels have no remainders.
package func tileStride(_ columns: Int) -> Int { (columns + CK_LANES - 1) & ~(CK_LANES - 1) }

extension Arena {
  /// A matrix whose row stride is a whole number of vectors. Its columns past the valid ones are readable and
  /// writable by the tile functions below.
  package func tile(_ rows: Int, _ columns: Int) -> Matrix {
    let stride = tileStride(columns)
    return Matrix(base: allocate(rows * stride), rows: rows, columns: columns, stride: stride)
  }
}

/// tile = x, padded with zeros.
package func gatherTile(_ tile: Matrix, from x: Matrix) {
  precondition(tile.rows == x.rows && tile.columns == x.columns && tile.stride >= x.columns)
  ck_gather_tile(tile.base, tile.stride, x.base, x.stride, x.rows, x.columns)
}

/// tile = xᵀ, padded with zeros.
package func transposeTile(_ tile: Matrix, from x: Matrix) {
  precondition(tile.rows == x.columns && tile.columns == x.rows && tile.stride >= x.rows)
  ck_transpose_tile(tile.base, tile.stride, x.base, x.stride, x.rows, x.columns)
}

/// c = scale · op(a) · b, added to c where `accumulate`; b and c are tiles.
package func tileProduct(
  _ c: Matrix, _ a: Matrix, _ transposeA: Transpose, _ b: Matrix, scale: Float = 1, accumulate: Bool = false
) {
  let inner = transposeA == .no ? a.columns : a.rows
  precondition(c.rows == (transposeA == .no ? a.rows : a.columns) && c.columns == b.columns && inner == b.rows)
  precondition(tileStride(c.columns) <= c.stride && tileStride(b.columns) <= b.stride)
  ck_tile_product(
    c.base, c.stride, a.base, transposeA == .no ? a.stride : 1, transposeA == .no ? 1 : a.stride, b.base, b.stride,
    c.rows, c.columns, inner, scale, accumulate ? 1 : 0)
}

extension Matrix {
  /// Whether every row has whole vectors to itself.
  fileprivate var isTile: Bool { stride % Int(CK_LANES) == 0 }
}

/// out = softmax of each row; padding becomes 0. May work in place.
package func softmaxForward(out: Matrix, scores: Matrix) {
  precondition(scores.isTile)
  precondition(out.rows == scores.rows && out.columns == scores.columns && out.stride == scores.stride)
  ck_softmax(out.base, scores.base, scores.rows, scores.columns, scores.stride)
}

/// The same where row r sees the columns at most `window` from column `first` + r only; all others become 0. The
/// backward pass is `softmaxBackward`'s.
package func softmaxForward(out: Matrix, scores: Matrix, first: Int, window: Int) {
  precondition(scores.isTile && window >= 0)
  precondition(out.rows == scores.rows && out.columns == scores.columns && out.stride == scores.stride)
  // Every row sees itself.
  precondition(first >= 0 && first + scores.rows <= scores.columns)
  ck_softmax_window(out.base, scores.base, scores.rows, scores.columns, scores.stride, first, window)
}

/// Turns the gradient of the probabilities into `scale` times that of the scores, in place; padding becomes 0.
///
/// Forward: probabilities = softmax(scores), row by row.
package func softmaxBackward(d: Matrix, probabilities: Matrix, scale: Float = 1) {
  precondition(d.isTile)
  precondition(d.rows == probabilities.rows && d.columns == probabilities.columns && d.stride == probabilities.stride)
  ck_softmax_backward(d.base, probabilities.base, scale, d.rows, d.columns, d.stride)
}

/// Σ over rows of KL(softmax(teacher) ‖ softmax(student)), from scores; where `d` is given,
/// d += scale · (softmax(student) − softmax(teacher)). All the same shape and stride.
package func klDivergence(teacher: Matrix, student: Matrix, d: Matrix?, scale: Float) -> Double {
  precondition(student.isTile)
  precondition(
    teacher.rows == student.rows && teacher.columns == student.columns && teacher.stride == student.stride)
  if let d { precondition(d.rows == student.rows && d.columns == student.columns && d.stride == student.stride) }
  return ck_kl_divergence(
    teacher.base, student.base, d?.base, scale, student.rows, student.columns, student.stride)
}
