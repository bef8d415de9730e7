import Glibc
import Kernels
import Testing

/// Activations and their derivatives against double precision.
struct ActivationTests {
  private static func value(_ activation: Activation, _ x: Double) -> Double {
    switch activation {
    case .gelu: return 0.5 * x * erfc(-x / 2.0.squareRoot())
    case .geluNew: return 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .relu: return max(0, x)
    }
  }

  private static func slope(_ activation: Activation, _ x: Double) -> Double {
    switch activation {
    case .gelu:
      return 0.5 * erfc(-x / 2.0.squareRoot()) + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
    case .geluNew:
      let root = (2 / Double.pi).squareRoot()
      let t = tanh(root * (x + 0.044715 * x * x * x))
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * root * (1 + 3 * 0.044715 * x * x)
    case .relu: return x > 0 ? 1 : 0
    }
  }

  /// Every thousandth from −12 to 12, and far beyond.
  private static let inputs: [Float] =
    (-12_000...12_000).map { Float($0) / 1000 } + [-1e10, -1e4, -100, -38, -20, 20, 38, 100, 1e4, 1e10, -0.0, 1e-30]

  @Test("values are as exact as promised", arguments: zip(Activation.allCases, [3e-7, 5e-7, 0]))
  func values(activation: Activation, tolerance: Double) {
    let x = FencedMatrix(Self.inputs)
    let out = FencedMatrix(1, Self.inputs.count)
    activationForward(activation, out: out.view, input: x.view)
    var worst = (excess: 0.0, x: 0.0, found: 0.0, expected: 0.0)
    for (x, found) in zip(x.rows[0], out.rows[0]) {
      let expected = Self.value(activation, x)
      // A large result is rounded more than that.
      let excess = abs(found - expected) - max(tolerance, 1.2e-7 * abs(expected))
      if excess > worst.excess { worst = (excess, x, found, expected) }
    }
    #expect(worst.excess <= 0, "\(activation)(\(worst.x)): \(worst.found), not \(worst.expected)")
  }

  @Test("the gradient is multiplied by the derivative", arguments: zip(Activation.allCases, [7e-7, 1.2e-6, 0]))
  func derivatives(activation: Activation, tolerance: Double) {
    let x = FencedMatrix(Self.inputs)
    let d = FencedMatrix([Float](repeating: -0.5, count: Self.inputs.count))
    activationBackward(activation, d: d.view, input: x.view)
    var worst = (excess: 0.0, x: 0.0, found: 0.0, expected: 0.0)
    for (x, found) in zip(x.rows[0], d.rows[0]) {
      let expected = -0.5 * Self.slope(activation, x)
      let excess = abs(found - expected) - tolerance
      if excess > worst.excess { worst = (excess, x, found, expected) }
    }
    #expect(worst.excess <= 0, "\(activation)'(\(worst.x)): \(worst.found), not \(worst.expected)")
  }

  @Test("any number of elements, and not one more", arguments: Activation.allCases, [0] + awkwardSizes)
  func sizes(activation: Activation, count: Int) {
    let x = FencedMatrix(1, count, in: -4...4)
    let out = FencedMatrix(1, count)
    let d = FencedMatrix(1, count, seed: 2)
    let expected = x.rows[0].map { Self.value(activation, $0) }
    let expectedD = zip(x.rows[0], d.rows[0]).map { $1 * Self.slope(activation, $0) }
    activationForward(activation, out: out.view, input: x.view)
    activationBackward(activation, d: d.view, input: x.view)
    #expect(largestError(out.rows, [expected]) < 4e-7)
    #expect(largestError(d.rows, [expectedD]) < 2e-6)
    activationForward(activation, out: x.view, input: x.view)
    #expect(x.rows == out.rows, "in place differs")
  }

  @Test("what passes is multiplied by its gate", arguments: Activation.allCases, [1, 2, 15, 16, 17, 33, 100])
  func gates(activation: Activation, columns: Int) {
    let x = FencedMatrix(5, 2 * columns, in: -4...4)
    let out = FencedMatrix(5, columns)
    gatedActivationForward(activation, out: out.view, input: x.view)
    let d = FencedMatrix(5, columns, seed: 2)
    let dX = FencedMatrix(5, 2 * columns, seed: 3)
    gatedActivationBackward(activation, dInput: dX.view, dOut: d.view, input: x.view)
    for row in 0..<5 {
      let (passing, gate) = (x.rows[row].prefix(columns), x.rows[row].suffix(columns))
      let values = passing.map { Self.value(activation, $0) }
      #expect(largestError([out.rows[row]], [zip(values, gate).map { $0 * $1 }]) < 4e-6)
      let expected =
        zip(d.rows[row], zip(passing, gate)).map { $0 * $1.1 * Self.slope(activation, $1.0) }
        + zip(d.rows[row], values).map { $0 * $1 }
      #expect(largestError([dX.rows[row]], [expected]) < 2e-5)
    }
  }

  @Test("a NaN stays one, so that a diverged run shows", arguments: Activation.allCases)
  func nanPropagates(activation: Activation) {
    let x = FencedMatrix([Float](repeating: .nan, count: 17))
    let out = FencedMatrix(1, 17)
    activationForward(activation, out: out.view, input: x.view)
    #expect(out.rows[0].allSatisfy { $0.isNaN })
  }

  @Test("tanh and its derivative", arguments: awkwardSizes)
  func hyperbolicTangent(count: Int) {
    let x = FencedMatrix(1, count, in: -8...8)
    x.view[0, 0] = 1e5
    let expected = x.rows[0].map { tanh($0) }
    tanhForward(x.view)
    #expect(largestError(x.rows, [expected]) < 2e-7)
    let d = FencedMatrix(1, count, seed: 2)
    let expectedD = zip(d.rows[0], expected).map { $0 * (1 - $1 * $1) }
    tanhBackward(d: d.view, output: x.view)
    #expect(largestError(d.rows, [expectedD]) < 1e-6)
  }

  @Test("tanh keeps a NaN")
  func hyperbolicTangentOfNaN() {
    let x = FencedMatrix([.nan, 1])
    tanhForward(x.view)
    #expect(x.view[0, 0].isNaN && abs(x.view[0, 1] - 0.7615942) < 1e-6)
  }
}
