import CKernels
import Glibc

/// The angles of rotary position embeddings (Su et al., 2021), θ_c(position) = position / base^(2c / headSize), as their
/// cosines and sines. (positions, headSize / 2) each
package struct Rotation {
  package let cosine: Matrix
  package let sine: Matrix

  /// Angles in single precision, as PyTorch's models compute them: at thousands of positions the rounding shows.
  package init(positions: Int, headSize: Int, base: Float, arena: Arena) {
    precondition(headSize > 0 && headSize % 2 == 0)
    let half = headSize / 2
    cosine = arena.matrix(positions, half)
    sine = arena.matrix(positions, half)
    for column in 0..<half {
      let frequency = 1 / powf(base, Float(2 * column) / Float(headSize))
      for position in 0..<positions {
        let angle = Double(Float(position) * frequency)
        cosine.base[position * half + column] = Float(cos(angle))
        sine.base[position * half + column] = Float(sin(angle))
      }
    }
  }
}

/// Turns each pair of columns (c, half + c) of each head by its row's angle, in place. x: (length, heads · headSize),
/// from position 0 on.
package func rotaryForward(_ x: Matrix, heads: Int, _ rotation: Rotation) { rotate(x, heads, rotation, direction: 1) }

/// Turns the gradient of the output into that of the input, in place. Forward: (a, b) = (a·cos − b·sin, b·cos + a·sin).
package func rotaryBackward(_ d: Matrix, heads: Int, _ rotation: Rotation) { rotate(d, heads, rotation, direction: -1) }

private func rotate(_ x: Matrix, _ heads: Int, _ rotation: Rotation, direction: Float) {
  let half = rotation.cosine.columns
  precondition(x.columns == heads * 2 * half && x.rows <= rotation.cosine.rows)
  ck_rotate(x.base, x.stride, x.rows, heads, half, rotation.cosine.base, rotation.sine.base, direction)
}
