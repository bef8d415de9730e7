import CKernels
import COpenBLAS

/// out = input · weightᵀ + bias. input: (tokens, in), weight: (out, in), bias: (1, out), out: (tokens, out).
package func linearForward(out: Matrix, input: Matrix, weight: Matrix, bias: Matrix?) {
  precondition(out.rows == input.rows && out.columns == weight.rows && input.columns == weight.columns)
  if let bias {
    precondition(bias.columns == out.columns)
    // The product is added to rows that already hold the bias: OpenBLAS accumulates anyway.
    for row in 0..<out.rows { (out.base + row * out.stride).update(from: bias.base, count: out.columns) }
  }
  multiply(out, input, .no, weight, .yes, accumulate: bias != nil)
}

/// The gradients of `linearForward`, each added to what is there; `dInput` is overwritten unless `accumulate`.
///
/// Forward: out = input · weightᵀ + bias.
package func linearBackward(
  dInput: Matrix?, accumulate: Bool = false, dWeight: Matrix?, dBias: Matrix?, dOut: Matrix, input: Matrix,
  weight: Matrix
) {
  precondition(dOut.rows == input.rows && dOut.columns == weight.rows && input.columns == weight.columns)
  if let dInput { multiply(dInput, dOut, .no, weight, .no, accumulate: accumulate) }
  if let dWeight { multiply(dWeight, dOut, .yes, input, .no, accumulate: true) }
  if let dBias { ck_add_column_sums(dBias.base, dOut.base, dOut.rows, dOut.columns, dOut.stride) }
}

package enum Transpose {
  case no
  case yes

  fileprivate var cblas: CBLAS_TRANSPOSE { self == .yes ? CblasTrans : CblasNoTrans }
}

/// c = op(a) · op(b), added to c where `accumulate`.
package func multiply(
  _ c: Matrix, _ a: Matrix, _ transposeA: Transpose, _ b: Matrix, _ transposeB: Transpose, accumulate: Bool
) {
  let inner = transposeA == .no ? a.columns : a.rows
  precondition(c.rows == (transposeA == .no ? a.rows : a.columns))
  precondition(c.columns == (transposeB == .no ? b.columns : b.rows))
  precondition(inner == (transposeB == .no ? b.rows : b.columns))
  guard c.rows > 0, c.columns > 0 else { return }
  cblas_sgemm(
    CblasRowMajor, transposeA.cblas, transposeB.cblas, blasint(c.rows), blasint(c.columns), blasint(inner), 1,
    a.base, blasint(a.stride), b.base, blasint(b.stride), accumulate ? 1 : 0, c.base, blasint(c.stride))
}

/// What OpenBLAS runs as, for the log: its kernel's name and its number of threads.
package func openBLASDescription() -> (core: String, threads: Int) {
  (String(cString: openblas_get_corename()), Int(openblas_get_num_threads()))
}
