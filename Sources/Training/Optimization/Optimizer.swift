import Kernels

/// Updates parameters from their gradient: AdamW or plain SGD, after clipping by global norm.
package final class Optimizer {
  private let settings: OptimizerSettings
  private let maxGradientNorm: Double?
  let updated: UpdatedParameters
  private let peakLearningRate: Double
  let firstMoment: ParameterBuffer?
  let secondMoment: ParameterBuffer?
  /// Updates so far: a step that was skipped is none.
  var steps = 0
  /// Rows that ever had a gradient, in order; only they have moments.
  private(set) var touchedRows: [Int] = []
  private var isTouched: [Bool]
  /// The gradient of a row that a batch does not touch.
  private let zeroRow: ParameterBuffer

  /// - Parameter peakLearningRate: that of the schedule, which parameters with a rate of their own follow.
  package init(
    _ settings: OptimizerSettings, maxGradientNorm: Double?, layout: ParameterLayout, updated: UpdatedParameters,
    peakLearningRate: Double
  ) {
    self.peakLearningRate = peakLearningRate
    self.settings = settings
    self.maxGradientNorm = maxGradientNorm
    self.updated = updated
    let keepsMoments = settings.kind == .adamw
    firstMoment = keepsMoments ? ParameterBuffer(layout, for: "the optimizer's moments") : nil
    secondMoment = keepsMoments ? ParameterBuffer(layout, for: "the optimizer's moments") : nil
    isTouched = [Bool](repeating: false, count: updated.byRows?.rows ?? 0)
    var row = ParameterLayout()
    _ = row.add("row", [updated.byRows?.columns ?? 1], decays: false)
    zeroRow = ParameterBuffer(row)
  }

  /// Updates `weights` and returns the gradient's global norm before clipping. The result is that of the dense update,
  /// to the bit. A gradient whose norm is not finite changes nothing.
  ///
  /// - Parameters:
  ///   - rows: the rows of the word embeddings that have a gradient, in order; others are taken as zero.
  ///   - some: what is updated in this step, where that is not all.
  package func step(
    weights: ParameterBuffer, gradient: ParameterBuffer, rows: [Int], learningRate: Double, pool: WorkerPool,
    only some: UpdatedParameters? = nil
  ) -> Double {
    let updated = some ?? updated
    let norm = globalNorm(gradient, rows: rows, pool: pool, only: updated)
    guard norm.isFinite else { return norm }
    steps += 1
    // PyTorch's clip_grad_norm_ keeps 1e-6 between itself and a division by zero.
    let scale = maxGradientNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
    switch settings {
    case .sgd:
      let ranges = updated.stretches.map(\.range) + rows.map(updated.range(ofRow:))
      let (rateFactors, rowsRateFactor) = (rateFactors(of: updated), rowsRateFactor(of: updated))
      pool.forEach(ranges.indices) { index in
        let factor = index < rateFactors.count ? rateFactors[index] : rowsRateFactor
        add(
          UnsafeBufferPointer(gradient.values[part: ranges[index]]), to: weights.values[part: ranges[index]],
          scale: Float(-learningRate * factor * scale))
      }
    case .adamW(let adamW):
      let step = AdamWStep(
        learningRate: learningRate, beta1: adamW.beta1, beta2: adamW.beta2, eps: adamW.eps, step: steps,
        gradientScale: scale)
      stepAdamW(
        step, weightDecay: adamW.weightDecay, weights: weights, gradient: gradient, rows: rows, updated, pool: pool)
    }
    return norm
  }

  /// By stretch: what the step's learning rate is multiplied by.
  private func rateFactors(of updated: UpdatedParameters) -> [Double] {
    updated.stretches.map { ($0.learningRate ?? peakLearningRate) / peakLearningRate }
  }

  private func rowsRateFactor(of updated: UpdatedParameters) -> Double {
    (updated.rowsLearningRate ?? peakLearningRate) / peakLearningRate
  }

  func globalNorm(
    _ gradient: ParameterBuffer, rows: [Int], pool: WorkerPool, only some: UpdatedParameters? = nil
  ) -> Double {
    let updated = some ?? updated
    let ranges = updated.stretches.map(\.range) + rows.map(updated.range(ofRow:))
    var squares = [Double](repeating: 0, count: ranges.count)
    squares.withUnsafeMutableBufferPointer { squares in
      // Each worker writes elements of its own.
      nonisolated(unsafe) let squares = squares
      pool.forEach(ranges.indices) { index in
        squares[index] = sumOfSquares(UnsafeBufferPointer(gradient.values[part: ranges[index]]))
      }
    }
    return squares.reduce(0, +).squareRoot()
  }

  private func stepAdamW(
    _ step: AdamWStep, weightDecay: Double, weights: ParameterBuffer, gradient: ParameterBuffer, rows: [Int],
    _ updated: UpdatedParameters, pool: WorkerPool
  ) {
    guard let firstMoment, let secondMoment else { return }
    let (stretches, rateFactors) = (updated.stretches, rateFactors(of: updated))
    pool.forEach(stretches.indices) { index in
      let range = stretches[index].range
      var step = step
      step.learningRate *= rateFactors[index]
      step.apply(
        weights: weights.values[part: range], gradient: gradient.values[part: range],
        firstMoment: firstMoment.values[part: range], secondMoment: secondMoment.values[part: range],
        weightDecay: stretches[index].decays ? weightDecay : 0)
    }
    guard let byRows = updated.byRows else { return }
    touch(rows)
    let rowStep = {
      var step = step
      step.learningRate *= rowsRateFactor(of: updated)
      return step
    }()
    let batchRows = Set(rows)
    let (zeroRow, touchedRows, isTouched) = (zeroRow, touchedRows, isTouched)
    pool.forEach(touchedRows.indices) { index in
      let row = touchedRows[index]
      let range = updated.range(ofRow: row)
      rowStep.apply(
        weights: weights.values[part: range],
        gradient: batchRows.contains(row) ? gradient.values[part: range] : zeroRow.values,
        firstMoment: firstMoment.values[part: range], secondMoment: secondMoment.values[part: range],
        weightDecay: weightDecay)
    }
    // With moments of zero, a row only decays; and a decay that rounds to 1 does nothing.
    guard rowStep.decayFactor(weightDecay) != 1 else { return }
    pool.forEach(0..<byRows.rows) { row in
      if !isTouched[row] { rowStep.decay(weights.values[part: updated.range(ofRow: row)], weightDecay: weightDecay) }
    }
  }

  /// Counts rows among those that have moments.
  func touch(_ rows: [Int]) {
    let new = rows.filter { !isTouched[$0] }
    guard !new.isEmpty else { return }
    for row in new { isTouched[row] = true }
    touchedRows = isTouched.indices.filter { isTouched[$0] }
  }
}
