import CKernels

/// Which step of which run a mask belongs to. With the sample and the site it names every random number, so a
/// sentence meets the same masks wherever it is computed.
package struct DropoutKey: Sendable {
  package let seed: UInt32
  package let step: UInt32

  package init(seed: UInt32, step: UInt32) {
    self.seed = seed
    self.step = step
  }
}

/// Zeroes elements with probability `rate` and divides the others by 1 − rate, in place. x is contiguous.
///
/// The backward pass is the same call on the gradient.
///
/// - Parameter part: which one it is of what the site drops of the sample in several calls.
package func dropout(_ x: Matrix, rate: Float, key: DropoutKey, sample: Int, site: Int, part: Int = 0) {
  guard rate > 0 else { return }
  precondition(x.isContiguous)
  ck_dropout(
    x.base, x.count, rate,
    ck_dropout_key(
      seed: key.seed, step: key.step, sample: UInt32(truncatingIfNeeded: sample),
      site: UInt32(truncatingIfNeeded: site), part: UInt32(truncatingIfNeeded: part)))
}
