// Vectors divided by their lengths, a row each.

/// What a shorter row's length counts as, which PyTorch's `normalize` divides by.
private let least = 1e-12

/// out = x / max(‖x‖, 1e-12), row by row.
package func unitForward(out: Matrix, input x: Matrix) {
  out.copy(from: x)
  for row in 0..<out.rows {
    let values = out.rows(row..<row + 1).values
    let length = max(sumOfSquares(UnsafeBufferPointer(values)).squareRoot(), least)
    for index in values.indices { values[index] = Float(Double(values[index]) / length) }
  }
}

/// Adds to `dInput`. Forward: out = x / max(‖x‖, 1e-12).
package func unitBackward(dInput: Matrix, dOut: Matrix, input x: Matrix) {
  for row in 0..<x.rows {
    let (dRow, dUnit) = (dInput.rows(row..<row + 1).values, dOut.rows(row..<row + 1).values)
    let values = x.rows(row..<row + 1).values
    let length = sumOfSquares(UnsafeBufferPointer(values)).squareRoot()
    let divisor = max(length, least)
    var product = 0.0
    for index in values.indices { product += Double(values[index]) * Double(dUnit[index]) }
    // out = x / ‖x‖: dx = (dOut − out·(out·dOut)) / ‖x‖; a shorter one is divided by a constant.
    let along = length > least ? product / (divisor * divisor) : 0
    for index in values.indices {
      dRow[index] += Float((Double(dUnit[index]) - along * Double(values[index])) / divisor)
    }
  }
}
