import Encoders
import Glibc
import GoldenFixtures
import Kernels
import Testing
import Text

/// Whatever can be tapped passes a loss's gradient on to the parameters below it.
struct TapGradientTests {
  /// Every kind, at a layer with others above it and at the highest; head kinds once.
  static let taps: [Tap] = Tap.Kind.allCases.flatMap { kind in
    (kind.isOfHead ? [0] : [1, 2]).map { Tap(kind, layer: $0) }
  }

  @Test("the gradient of a sum over a tap is its slope", arguments: taps, [false, true])
  func gradient(tap: Tap, belowHead: Bool) throws {
    let (encoder, weights) = try GoldenFixtures.model("student")
    let batch = try GoldenFixtures.batch(GoldenFixtures.json("forward/batches.json").elements[0])
    let gradient = ParameterBuffer(weights.layout)
    defer { withExtendedLifetime((weights, gradient)) {} }
    var selection: TapSelection = [tap]
    if belowHead { selection.insert(.logits) }

    /// Σ cᵢ·xᵢ, and cᵢ added to the gradient of xᵢ.
    func sum(gradient: ParameterBuffer?) -> Double {
      let arena = Arena()
      defer { withExtendedLifetime(arena) {} }
      let pass = encoder.forward(
        batch, weights: weights, taps: selection, arena: arena, dropout: DropoutKey(seed: 3, step: 9))
      let d = pass.makeGradients()
      var total = 0.0
      func add(_ x: Matrix, _ dX: Matrix, _ number: Int) {
        for row in 0..<x.rows {
          for column in 0..<x.columns {
            let coefficient = sin(Float(1 + 7 * number + 3 * row + column))
            total += Double(coefficient * x[row, column])
            dX[row, column] += coefficient
          }
        }
      }
      switch pass.taps[tap] {
      case .matrix(let x): add(x, d.matrix(tap), 0)
      case .maps(let maps):
        for sentence in 0..<batch.sentences {
          for head in 0..<maps.heads {
            add(
              maps.map(sentence: sentence, head: head), d.maps(tap).map(sentence: sentence, head: head),
              sentence + 5 * head)
          }
        }
      case nil: Issue.record("\(tap) was not kept")
      }
      if let gradient { pass.backward(d, gradient: gradient, headOnly: false) }
      return total
    }
    _ = sum(gradient: gradient)
    let slopes = Array(gradient.values)
    let norm = slopes.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    try #require(norm > 0.1)
    let original = Array(weights.values)
    for seed in 1...3 {
      let direction = slopes.indices.map { sin(Float(seed * 31 + $0)) / Float(slopes.count).squareRoot() }
      func difference(_ step: Float) -> Double {
        func moved(_ sign: Float) -> Double {
          for index in original.indices { weights.values[index] = original[index] + sign * step * direction[index] }
          return sum(gradient: nil)
        }
        return (moved(1) - moved(-1)) / (2 * Double(step))
      }
      // Errors of third order cancel (Richardson).
      let found = (4 * difference(0.02) - difference(0.04)) / 3
      let expected = zip(slopes, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      #expect(abs(found - expected) < 2e-3 * norm, "\(found), not \(expected) (norm \(norm))")
    }
  }
}
