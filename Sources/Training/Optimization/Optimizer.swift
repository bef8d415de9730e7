import Kernels

/// Updates some of a buffer's parameters from their gradient: AdamW or plain SGD, after clipping by global norm.
package final class Optimizer {
  private let settings: OptimizerSettings
  private let maxGradientNorm: Double?
  /// Contiguous stretches of parameters that decay alike, cut short enough to share among workers. The cut depends
  /// on the layout alone, so the gradient's norm does not depend on the number of workers.
  private let stretches: [Stretch]
  private let firstMoment: ParameterBuffer?
  private let secondMoment: ParameterBuffer?
  private var steps = 0

  private struct Stretch {
    let range: Range<Int>
    let decays: Bool
  }

  private static let longestStretch = 1 << 18

  /// - Parameter updated: which parameters are updated, by key; the others keep their values, undecayed.
  package init(
    _ settings: OptimizerSettings, maxGradientNorm: Double?, layout: ParameterLayout, updated: (String) -> Bool
  ) {
    self.settings = settings
    self.maxGradientNorm = maxGradientNorm
    var stretches: [Stretch] = []
    for entry in layout.entries where updated(entry.key) {
      let end = entry.slot.offset + entry.slot.count
      for start in stride(from: entry.slot.offset, to: end, by: Self.longestStretch) {
        stretches.append(Stretch(range: start..<min(start + Self.longestStretch, end), decays: entry.decays))
      }
    }
    self.stretches = stretches
    let keepsMoments = settings.kind == .adamw
    firstMoment = keepsMoments ? ParameterBuffer(layout) : nil
    secondMoment = keepsMoments ? ParameterBuffer(layout) : nil
  }

  /// The updated parameters as few contiguous ranges: what ranks must sum.
  package var updatedRanges: [Range<Int>] {
    stretches.reduce(into: []) { ranges, stretch in
      if let last = ranges.last, last.upperBound == stretch.range.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<stretch.range.upperBound
      } else {
        ranges.append(stretch.range)
      }
    }
  }

  /// Updates `weights` and returns the gradient's global norm before clipping.
  package func step(
    weights: ParameterBuffer, gradient: ParameterBuffer, learningRate: Double, pool: WorkerPool
  ) -> Double {
    var squares = [Double](repeating: 0, count: stretches.count)
    squares.withUnsafeMutableBufferPointer { squares in
      // Each worker writes elements of its own.
      nonisolated(unsafe) let squares = squares
      pool.forEach(stretches.indices) { [stretches] index in
        squares[index] = sumOfSquares(UnsafeBufferPointer(gradient.values[part: stretches[index].range]))
      }
    }
    let norm = squares.reduce(0, +).squareRoot()
    steps += 1
    // PyTorch's clip_grad_norm_ keeps 1e-6 between itself and a division by zero.
    let scale = maxGradientNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
    switch settings {
    case .sgd:
      pool.forEach(stretches.indices) { [stretches] index in
        let range = stretches[index].range
        add(
          UnsafeBufferPointer(gradient.values[part: range]), to: weights.values[part: range],
          scale: Float(-learningRate * scale))
      }
    case .adamW(let adamW):
      let step = AdamWStep(
        learningRate: learningRate, beta1: adamW.beta1, beta2: adamW.beta2, eps: adamW.eps, step: steps,
        gradientScale: scale)
      guard let firstMoment, let secondMoment else { break }
      pool.forEach(stretches.indices) { [stretches] index in
        let stretch = stretches[index]
        step.apply(
          weights: weights.values[part: stretch.range], gradient: gradient.values[part: stretch.range],
          firstMoment: firstMoment.values[part: stretch.range],
          secondMoment: secondMoment.values[part: stretch.range],
          weightDecay: stretch.decays ? adamW.weightDecay : 0)
      }
    }
    return norm
  }
}
