import CKernels

/// out = input · weightᵀ + bias, at the weight's precision. input: (tokens, in), weight: (out, in), bias: (1, out),
/// out: (tokens, out).
package func linearForward(out: Matrix, input: Matrix, weight: LinearWeight, bias: Matrix?, arena: Arena) {
  let matrix = weight.matrix
  precondition(out.rows == input.rows && out.columns == matrix.rows && input.columns == matrix.columns)
  if let bias { precondition(bias.columns == out.columns) }
  let addend = bias.map(Addend.row) ?? .nothing
  switch weight.precision {
  case .float32:
    multiply(
      out, Factor(input), Factor(transposed: matrix), panels: weight.panels, adding: addend, arena: arena)
  case .bfloat16:
    multiplyBFloat16(
      out, Factor(input), Factor(transposed: matrix), panels: weight.panels, adding: addend, arena: arena,
      body: weight.body)
  case .int8:
    multiplyInt8(out, input, weight: matrix, panels: weight.panels, adding: addend, arena: arena, body: weight.body)
  }
}

/// The gradients of `linearForward`, each added to what is there; `dInput` is overwritten unless `accumulate`, and
/// `dWeight` where it is stale.
///
/// Forward: out = input · weightᵀ + bias.
package func linearBackward(
  dInput: Matrix?, accumulate: Bool = false, dWeight: Matrix?, isStale: Bool = false, dBias: Matrix?, dOut: Matrix,
  input: Matrix, weight: LinearWeight, arena: Arena
) {
  let matrix = weight.matrix
  precondition(dOut.rows == input.rows && dOut.columns == matrix.rows && input.columns == matrix.columns)
  precondition(weight.precision != .int8, "models of 8-bit integers are not trained")
  if let dInput {
    let addend: Addend = accumulate ? .itself : .nothing
    if weight.precision == .bfloat16 {
      multiplyBFloat16(
        dInput, Factor(dOut), Factor(matrix), panels: weight.transposedPanels, adding: addend, arena: arena,
        body: weight.body)
    } else {
      multiply(
        dInput, Factor(dOut), Factor(matrix), panels: weight.transposedPanels, adding: addend, arena: arena)
    }
  }
  if let dWeight {
    let addend: Addend = isStale ? .nothing : .itself
    if weight.precision == .bfloat16 {
      multiplyBFloat16(
        dWeight, Factor(transposed: dOut), Factor(input), adding: addend, arena: arena, body: weight.body)
    } else {
      multiply(dWeight, Factor(transposed: dOut), Factor(input), adding: addend, arena: arena)
    }
  }
  if let dBias { ck_add_column_sums(dBias.base, dOut.base, dOut.rows, dOut.columns, dOut.stride) }
}
