import CKernels

/// The mean and reciprocal standard deviation of each row, kept for the backward pass. (rows) each
package struct LayerNormStatistics {
  package let mean: UnsafeMutablePointer<Float>
  package let rstd: UnsafeMutablePointer<Float>

  package init(rows: Int, arena: Arena) {
    mean = arena.allocate(rows)
    rstd = arena.allocate(rows)
  }
}

/// sum += residual, then out = gamma · (sum − mean) · rstd + beta, row by row. All contiguous.
package func layerNormForward(
  out: Matrix, sum: Matrix, residual: Matrix?, gamma: Matrix, beta: Matrix?, eps: Float,
  statistics: LayerNormStatistics?
) {
  precondition(out.isContiguous && sum.isContiguous && out.count == sum.count && gamma.columns == sum.columns)
  if let residual { precondition(residual.isContiguous && residual.count == sum.count) }
  ck_layer_norm(
    out.base, sum.base, residual?.base, gamma.base, beta?.base, eps, statistics?.mean, statistics?.rstd, sum.rows,
    sum.columns)
}

/// Turns the gradient of `out` into that of `sum` (and so of the residual), in place; adds to `dGamma` and `dBeta`.
///
/// Forward: out = gamma · (sum − mean) · rstd + beta.
package func layerNormBackward(
  d: Matrix, sum: Matrix, gamma: Matrix, dGamma: Matrix?, dBeta: Matrix?, statistics: LayerNormStatistics
) {
  precondition(d.isContiguous && sum.isContiguous && d.count == sum.count && gamma.columns == sum.columns)
  ck_layer_norm_backward(
    d.base, sum.base, statistics.mean, statistics.rstd, gamma.base, dGamma?.base, dBeta?.base, d.rows, d.columns)
}
