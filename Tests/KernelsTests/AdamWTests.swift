import Glibc
import Kernels
import Testing

struct AdamWTests {
  @Test("five steps agree with double precision", arguments: awkwardSizes, [0, 0.1])
  func steps(count: Int, weightDecay: Double) {
    let weights = FencedMatrix(1, count)
    let (first, second) = (FencedMatrix(1, count, in: 0...0), FencedMatrix(1, count, in: 0...0))
    var (w, m, v) = (weights.rows[0], [Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
    for step in 1...5 {
      let gradient = FencedMatrix(1, count, in: -3...3, seed: 10 + step)
      let learningRate = 0.01 * Double(step)
      for index in 0..<count {
        let g = gradient.rows[0][index] * 0.5
        w[index] *= 1 - learningRate * weightDecay
        m[index] = 0.9 * m[index] + 0.1 * g
        v[index] = 0.99 * v[index] + 0.01 * g * g
        let mean = m[index] / (1 - pow(0.9, Double(step)))
        let square = v[index] / (1 - pow(0.99, Double(step)))
        w[index] -= learningRate * mean / (square.squareRoot() + 1e-6)
      }
      AdamWStep(learningRate: learningRate, beta1: 0.9, beta2: 0.99, eps: 1e-6, step: step, gradientScale: 0.5).apply(
        weights: weights.view.values, gradient: gradient.view.values, firstMoment: first.view.values,
        secondMoment: second.view.values, weightDecay: weightDecay)
      #expect(largestError(weights.rows, [w]) < 1e-6)
      #expect(largestError(first.rows, [m]) < 1e-6)
      #expect(largestError(second.rows, [v]) < 1e-6)
    }
  }

  @Test("without a gradient only decay moves a weight")
  func noGradient() {
    let weights = FencedMatrix([1, -2, 3])
    let zeros = (0..<3).map { _ in FencedMatrix([0, 0, 0]) }
    AdamWStep(learningRate: 0.5, beta1: 0.9, beta2: 0.999, eps: 1e-8, step: 1, gradientScale: 1).apply(
      weights: weights.view.values, gradient: zeros[0].view.values, firstMoment: zeros[1].view.values,
      secondMoment: zeros[2].view.values, weightDecay: 0.5)
    #expect(weights.rows[0] == [0.75, -1.5, 2.25])
  }

  @Test("the bias correction holds after many steps")
  func lateStep() {
    let weights = FencedMatrix([1])
    let (first, second) = (FencedMatrix([0.1]), FencedMatrix([0.04]))
    let gradient = FencedMatrix([0.3])
    AdamWStep(learningRate: 0.01, beta1: 0.9, beta2: 0.999, eps: 0, step: 777, gradientScale: 1).apply(
      weights: weights.view.values, gradient: gradient.view.values, firstMoment: first.view.values,
      secondMoment: second.view.values, weightDecay: 0)
    let mean = (0.9 * 0.1 + 0.1 * 0.3) / (1 - pow(0.9, 777))
    let square = (0.999 * 0.04 + 0.001 * 0.09) / (1 - pow(0.999, 777))
    #expect(abs(Double(weights.view[0, 0]) - (1 - 0.01 * mean / square.squareRoot())) < 1e-7)
  }
}
