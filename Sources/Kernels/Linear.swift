import CKernels

/// out = input · weightᵀ + bias. input: (tokens, in), weight: (out, in), bias: (1, out), out: (tokens, out).
package func linearForward(out: Matrix, input: Matrix, weight: LinearWeight, bias: Matrix?, arena: Arena) {
  let matrix = weight.matrix
  precondition(out.rows == input.rows && out.columns == matrix.rows && input.columns == matrix.columns)
  if let bias { precondition(bias.columns == out.columns) }
  multiply(
    out, Factor(input), Factor(transposed: matrix), panels: weight.panels, adding: bias.map(Addend.row) ?? .nothing,
    arena: arena)
}

/// The gradients of `linearForward`, each added to what is there; `dInput` is overwritten unless `accumulate`.
///
/// Forward: out = input · weightᵀ + bias.
package func linearBackward(
  dInput: Matrix?, accumulate: Bool = false, dWeight: Matrix?, dBias: Matrix?, dOut: Matrix, input: Matrix,
  weight: Matrix, arena: Arena
) {
  precondition(dOut.rows == input.rows && dOut.columns == weight.rows && input.columns == weight.columns)
  if let dInput {
    multiply(dInput, Factor(dOut), Factor(weight), adding: accumulate ? .itself : .nothing, arena: arena)
  }
  if let dWeight { multiply(dWeight, Factor(transposed: dOut), Factor(input), adding: .itself, arena: arena) }
  if let dBias { ck_add_column_sums(dBias.base, dOut.base, dOut.rows, dOut.columns, dOut.stride) }
}
