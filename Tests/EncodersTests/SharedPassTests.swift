import Dispatch
import Encoders
import GoldenFixtures
import Kernels
import Testing
import Text

/// One forward pass on several threads.
struct SharedPassTests {
  @Test("threads that share a pass give the bits of one", arguments: [Precision.float32, .bfloat16, .int8], [1, 3])
  func bits(precision: Precision, helpers: Int) throws {
    var configuration = try GoldenFixtures.configuration("student")
    // Products of the fixture's size are not worth sharing.
    (configuration.hiddenSize, configuration.intermediateSize) = (48 * configuration.heads, 1_000)
    var layout = ParameterLayout()
    let encoder = Encoder(configuration, layout: &layout)
    let weights = ParameterBuffer(layout)
    for index in weights.values.indices { weights.values[index] = Float((index &* 7_919) % 101 - 50) / 500 }
    let selection: TapSelection = [.logits, .hidden(1), Tap(.queries, layer: 2)]
    let packed = PackedWeights(encoder.linearWeights(for: selection), of: weights, precision: precision)
    for index in 0..<(packed?.count ?? 0) { packed?.pack(index) }
    let batch = try GoldenFixtures.batch(try GoldenFixtures.json("forward/batches.json").elements[0])

    // Called by one thread at a time.
    nonisolated(unsafe) let numbers = { (packed: PackedWeights?, arena: Arena, team: PassTeam?) -> [[Float]] in
      let taps = encoder.infer(batch, weights: weights, packed: packed, taps: selection, arena: arena, team: team)
      return selection.inOrder.map { tap in
        let matrix = taps.matrix(tap)
        return (0..<matrix.rows).flatMap { Array(matrix.rows($0..<$0 + 1).values) }
      }
    }
    for packed in [packed, nil] {
      let expected = numbers(packed, Arena(), nil)
      let team = PassTeam(size: helpers + 1)
      nonisolated(unsafe) var found: [[Float]] = []
      DispatchQueue.concurrentPerform(iterations: helpers + 1) { member in
        let arena = Arena()
        guard member == 0 else { return team.help(arena: arena) }
        found = numbers(packed, arena, team)
        team.end()
      }
      #expect(found == expected)
      #expect(found.joined().contains { $0 != 0 })
    }
  }
}
