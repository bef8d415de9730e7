import CKernels

/// The constants of one AdamW step.
package struct AdamWStep: Sendable {
  package var learningRate: Double
  package var beta1: Double
  package var beta2: Double
  package var eps: Double
  /// From 1.
  package var step: Int
  /// Multiplies the gradient first (clipping).
  package var gradientScale: Double

  package init(
    learningRate: Double, beta1: Double, beta2: Double, eps: Double, step: Int, gradientScale: Double
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.eps = eps
    self.step = step
    self.gradientScale = gradientScale
  }

  /// Updates one stretch of weights and its moments (Loshchilov & Hutter, 2019). All the same length.
  package func apply(
    weights: UnsafeMutableBufferPointer<Float>, gradient: UnsafeMutableBufferPointer<Float>,
    firstMoment: UnsafeMutableBufferPointer<Float>, secondMoment: UnsafeMutableBufferPointer<Float>,
    weightDecay: Double
  ) {
    precondition(
      weights.count == gradient.count && weights.count == firstMoment.count && weights.count == secondMoment.count)
    guard let w = weights.baseAddress, let g = gradient.baseAddress, let m = firstMoment.baseAddress,
      let v = secondMoment.baseAddress
    else { return }
    let settings = ck_adamw(
      gradientScale: Float(gradientScale), rest1: Float(1 - beta1), beta2: Float(beta2), rest2: Float(1 - beta2),
      decay: decayFactor(weightDecay), stepSize: Float(learningRate / (1 - power(beta1, step))),
      correction: Float((1 - power(beta2, step)).squareRoot()), eps: Float(eps))
    ck_adamw_step(w, g, m, v, settings, weights.count)
  }

  /// What decay alone multiplies a weight with.
  package func decayFactor(_ weightDecay: Double) -> Float { Float(1 - learningRate * weightDecay) }

  /// The step of weights whose gradient and moments are zero.
  package func decay(_ weights: UnsafeMutableBufferPointer<Float>, weightDecay: Double) {
    guard let w = weights.baseAddress else { return }
    ck_scale(w, decayFactor(weightDecay), weights.count)
  }

  private func power(_ base: Double, _ exponent: Int) -> Double {
    var result = 1.0
    var factor = base
    var remaining = exponent
    while remaining > 0 {
      if remaining & 1 == 1 { result *= factor }
      factor *= factor
      remaining >>= 1
    }
    return result
  }
}
