import Dispatch
import Testing

@testable import Kernels

struct PassTeamTests {
  /// The last is too small to be shared; the others' columns are no multiple of a piece's, or their rows fewer than pieces.
  static let shapes = [(30, 384, 1_536), (1, 512, 515), (31, 129, 70), (7, 640, 33), (2, 3, 5)]

  /// Calls `body` on a thread that leads `helpers` others.
  private func lead(_ helpers: Int, _ body: (PassTeam, Arena) -> Void) {
    let team = PassTeam(size: helpers + 1)
    nonisolated(unsafe) let body = body
    DispatchQueue.concurrentPerform(iterations: helpers + 1) { member in
      let arena = Arena()
      guard member == 0 else { return team.help(arena: arena) }
      body(team, arena)
      team.end()
    }
  }

  @Test("any number of threads gives the bits of one", arguments: shapes, Precision.allCases)
  func product(shape: (tokens: Int, input: Int, output: Int), precision: Precision) throws {
    var layout = ParameterLayout()
    let slot = layout.add("a", [shape.output, shape.input], decays: true)
    let parameters = ParameterBuffer(layout)
    var numbers = Numbers(seed: 5)
    for index in parameters.values.indices { parameters.values[index] = Float.random(in: -1...1, using: &numbers) }
    let packed = PackedWeights([slot], of: parameters, precision: precision)
    packed?.pack(0)
    let plain = LinearWeight(parameters[slot], precision: precision)
    let input = FencedMatrix(shape.tokens, shape.input, stride: shape.input + 3)
    let bias = FencedMatrix(1, shape.output, seed: 3)
    for weight in [plain, packed?.weight(slot, rows: 0..<slot.rows)].compactMap({ $0 }) {
      for bias in [bias.view, nil] {
        let expected = FencedMatrix(shape.tokens, shape.output)
        linearForward(out: expected.view, input: input.view, weight: weight, bias: bias, arena: Arena())
        for helpers in [0, 1, 3] {
          let out = FencedMatrix(shape.tokens, shape.output, stride: shape.output + 5, seed: 4)
          lead(helpers) { team, arena in
            // Several, so that pieces of one are not taken for those of another.
            for _ in 0..<20 {
              out.view.fill(0)
              team.linearForward(out: out.view, input: input.view, weight: weight, bias: bias, arena: arena)
            }
          }
          #expect(out.rows == expected.rows, "\(helpers) helpers")
          #expect(out.gapsAreUntouched)
        }
      }
    }
  }

  @Test(
    "activations in pieces have the same bits", arguments: Activation.allCases, [(1, 37), (6, 512), (31, 1), (31, 37)])
  func activation(activation: Activation, shape: (rows: Int, columns: Int)) {
    let (rows, columns) = shape
    for isGated in [false, true] {
      let input = FencedMatrix(rows, isGated ? 2 * columns : columns)
      let (out, expected) = (FencedMatrix(rows, columns, seed: 2), FencedMatrix(rows, columns, seed: 3))
      if isGated {
        gatedActivationForward(activation, out: expected.view, input: input.view)
      } else {
        activationForward(activation, out: expected.view, input: input.view)
      }
      lead(2) { team, arena in
        team.activationForward(activation, isGated: isGated, out: out.view, input: input.view, arena: arena)
      }
      #expect(out.rows == expected.rows)
    }
  }

  @Test("helpers that come when a pass is over go home")
  func late() {
    let team = PassTeam(size: 2)
    let (out, input) = (FencedMatrix(8, 512), FencedMatrix(8, 512, seed: 2))
    team.activationForward(.relu, isGated: false, out: out.view, input: input.view, arena: Arena())
    team.end()
    team.help(arena: Arena())
    #expect(out.rows == input.rows.map { $0.map { max(0, $0) } })
  }
}
