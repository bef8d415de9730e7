import Kernels
import Testing
import Training

/// Word embeddings are updated by rows; the weights must be those of updating everything, to the bit.
struct UpdateByRowsTests {
  static let rules: [OptimizerSettings] = {
    var decaying = AdamWSettings()
    decaying.weightDecay = 0.1
    return [.adamW(AdamWSettings()), .adamW(decaying), .sgd]
  }()

  @Test("rows that no batch touches come out as from the dense update", arguments: rules)
  func equalsTheDenseUpdate(rule: OptimizerSettings) {
    // The same parameters, by rows and whole.
    let layouts = [true, false].map { isLookup in
      var layout = ParameterLayout()
      _ = layout.add("words", [40, 24], decays: true, isLookup: isLookup)
      _ = layout.add("bias", [24], decays: false)
      return layout
    }
    let layout = layouts[0]
    let pool = WorkerPool(workers: 2)
    let weights = [ParameterBuffer(layout), ParameterBuffer(layout)]
    var numbers = Numbers()
    for index in weights[0].values.indices {
      weights[0].values[index] = numbers.next()
      weights[1].values[index] = weights[0].values[index]
    }
    let optimizers = layouts.map { layout in
      Optimizer(
        rule, maxGradientNorm: 1, layout: layout,
        updated: UpdatedParameters(layout) { _ in true }, peakLearningRate: 1)
    }
    for step in 0..<6 {
      let rows = (0..<40).filter { ($0 * 7 + step * 3) % 5 == 0 && $0 < 30 }
      let gradient = ParameterBuffer(layout)
      for row in rows { for index in row * 24..<(row + 1) * 24 { gradient.values[index] = numbers.next() } }
      for index in 40 * 24..<layout.count { gradient.values[index] = numbers.next() }
      let dense = optimizers[1].step(
        weights: weights[1], gradient: gradient, rows: [], learningRate: 0.05, pool: pool)
      // What lies in the rows of other words is not looked at.
      for row in 0..<40 where !rows.contains(row) {
        for index in row * 24..<(row + 1) * 24 { gradient.values[index] = .nan }
      }
      let byRows = optimizers[0].step(
        weights: weights[0], gradient: gradient, rows: rows, learningRate: 0.05, pool: pool)
      // The norm's squares are added in another order.
      #expect(abs(byRows - dense) <= 1e-12 * dense)
      let differing = weights[0].values.indices.filter { weights[0].values[$0] != weights[1].values[$0] }
      #expect(differing.isEmpty, "step \(step): \(differing.count) weights differ")
    }
  }

  /// Numbers in [−1, 1), the same in every run.
  private struct Numbers {
    private var state: UInt32 = 1

    mutating func next() -> Float {
      state = state &* 1_664_525 &+ 1_013_904_223
      return Float(state >> 8) / Float(1 << 23) - 1
    }
  }
}
