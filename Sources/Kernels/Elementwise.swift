import CKernels

/// The feed-forward activations a BERT configuration can name.
package enum Activation: String, Sendable, CaseIterable {
  /// x·Φ(x), with the error function.
  case gelu
  /// The tanh approximation.
  case geluNew = "gelu_new"
  case relu
}

/// out = f(x), element by element. x, out: the same shape, contiguous.
package func activationForward(_ activation: Activation, out: Matrix, input: Matrix) {
  precondition(out.count == input.count && out.isContiguous && input.isContiguous)
  switch activation {
  case .gelu: ck_gelu(out.base, input.base, input.count)
  case .geluNew: ck_gelu_new(out.base, input.base, input.count)
  case .relu: ck_relu(out.base, input.base, input.count)
  }
}

/// Turns the gradient of f(x) into that of x, in place. Forward: out = f(input).
package func activationBackward(_ activation: Activation, d: Matrix, input: Matrix) {
  precondition(d.count == input.count && d.isContiguous && input.isContiguous)
  switch activation {
  case .gelu: ck_gelu_backward(d.base, input.base, input.count)
  case .geluNew: ck_gelu_new_backward(d.base, input.base, input.count)
  case .relu: ck_relu_backward(d.base, input.base, input.count)
  }
}

/// out = f(passing)·gate, row by row. input: (rows, 2·columns), the gate behind what passes; out: (rows, columns).
package func gatedActivationForward(_ activation: Activation, out: Matrix, input: Matrix) {
  precondition(out.isContiguous && input.isContiguous && input.rows == out.rows && input.columns == 2 * out.columns)
  switch activation {
  case .gelu: ck_gelu_gated(out.base, input.base, out.rows, out.columns)
  case .geluNew: ck_gelu_new_gated(out.base, input.base, out.rows, out.columns)
  case .relu: ck_relu_gated(out.base, input.base, out.rows, out.columns)
  }
}

/// Writes the gradient of the input, given that of `out`. Forward: out = f(passing)·gate.
package func gatedActivationBackward(_ activation: Activation, dInput: Matrix, dOut: Matrix, input: Matrix) {
  precondition(dOut.isContiguous && input.isContiguous && dInput.isContiguous && dInput.count == input.count)
  precondition(input.rows == dOut.rows && input.columns == 2 * dOut.columns)
  switch activation {
  case .gelu: ck_gelu_gated_backward(dInput.base, dOut.base, input.base, dOut.rows, dOut.columns)
  case .geluNew: ck_gelu_new_gated_backward(dInput.base, dOut.base, input.base, dOut.rows, dOut.columns)
  case .relu: ck_relu_gated_backward(dInput.base, dOut.base, input.base, dOut.rows, dOut.columns)
  }
}

package func tanhForward(_ x: Matrix) {
  precondition(x.isContiguous)
  ck_tanh(x.base, x.base, x.count)
}

/// Turns the gradient of y into that of x, in place. Forward: y = tanh(x).
package func tanhBackward(d: Matrix, output: Matrix) {
  precondition(d.count == output.count && d.isContiguous && output.isContiguous)
  ck_tanh_backward(d.base, output.base, d.count)
}

/// out += scale · x
package func add(_ x: Matrix, to out: Matrix, scale: Float = 1) {
  precondition(out.rows == x.rows && out.columns == x.columns)
  for row in 0..<x.rows {
    ck_add_scaled(out.base + row * out.stride, x.base + row * x.stride, scale, x.columns)
  }
}

/// out = the mean of x's rows. x: (rows, columns), out: (1, columns)
package func meanForward(out: Matrix, rows x: Matrix) {
  precondition(out.rows == 1 && out.columns == x.columns && x.rows > 0)
  out.fill(0)
  ck_add_column_sums(out.base, x.base, x.rows, x.columns, x.stride)
  ck_scale(out.base, 1 / Float(x.rows), out.columns)
}

/// Adds to the gradient of x. Forward: out = the mean of x's rows.
package func meanBackward(dRows: Matrix, dOut: Matrix) {
  precondition(dOut.rows == 1 && dOut.columns == dRows.columns)
  for row in 0..<dRows.rows { add(dOut, to: dRows.rows(row..<row + 1), scale: 1 / Float(dRows.rows)) }
}

/// values += scale · others, element by element.
package func add(
  _ others: UnsafeBufferPointer<Float>, to values: UnsafeMutableBufferPointer<Float>, scale: Float = 1
) {
  precondition(others.count == values.count)
  guard let to = values.baseAddress, let from = others.baseAddress else { return }
  if scale == 1 {
    ck_add(to, from, values.count)
  } else {
    ck_add_scaled(to, from, scale, values.count)
  }
}

extension UnsafeMutableBufferPointer<Float> {
  /// A stretch of the buffer, indexed from 0.
  package subscript(part range: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return UnsafeMutableBufferPointer(rebasing: self[range])
  }

  /// Copies as many values as there are here.
  package func copy(from other: UnsafeMutableBufferPointer<Float>) {
    precondition(count == other.count)
    guard let to = baseAddress, let from = other.baseAddress else { return }
    to.update(from: from, count: count)
  }
}

/// Σ x², in double precision.
package func sumOfSquares(_ values: UnsafeBufferPointer<Float>) -> Double {
  values.baseAddress.map { ck_sum_of_squares($0, values.count) } ?? 0
}

/// Σ (a − b)² in double precision; where `d` is given, d += scale · (a − b). All the same shape.
package func squaredError(_ a: Matrix, _ b: Matrix, d: Matrix?, scale: Float) -> Double {
  precondition(a.rows == b.rows && a.columns == b.columns)
  if let d { precondition(d.rows == a.rows && d.columns == a.columns) }
  var total = 0.0
  for row in 0..<a.rows {
    total += ck_squared_error(
      a.base + row * a.stride, b.base + row * b.stride, d.map { $0.base + row * $0.stride }, scale, a.columns)
  }
  return total
}
