import Collectives
import Encoders
import JSON
import Kernels
import Testing

@testable import Training

@Suite struct PrecisionSettings {
  @Test("auto is what this processor multiplies faster, and a run is resumed as it began")
  func auto() throws {
    let workspace = try RunWorkspace()
    defer { withExtendedLifetime(workspace) {} }
    let configuration = try workspace.configuration("run", set: ["teacher.precision=auto"])
    #expect(configuration.teacher?.precision == .auto)
    let resolved = try #require(configuration.withPrecisionResolved.teacher).precision
    #expect(resolved == (Precision.bfloat16.isFasterThanFloat32 ? .bfloat16 : .float32))
    #expect(Precision.float32.isFasterThanFloat32 == false)
    try workspace.run(configuration, stoppingAt: 4)
    #expect(try RunConfiguration(path: "\(workspace.path)/run/config.yaml").teacher?.precision == resolved)
    var notices: [String] = []
    try workspace.run(configuration, resume: .auto) { notices.append($0) }
    #expect(notices.contains { $0.hasPrefix("resuming from") }, "\(notices)")
  }

  @Test("a state saved by other instructions goes on; another precision is refused")
  func identity() throws {
    let workspace = try RunWorkspace()
    defer { withExtendedLifetime(workspace) {} }
    func identity(_ precision: String) throws -> RunIdentity {
      let configuration = try workspace.configuration("run", set: ["training.precision=\(precision)"])
      return try RunIdentity(configuration, RunInputs(configuration, threads: 1), threads: 1)
    }
    let (exact, rounding) = (try identity("float32"), try identity("bfloat16"))
    #expect(rounding.changes(since: exact).refused.map(\.name).contains { $0.hasSuffix("precision") })
    var members = try #require(rounding.json.object)
    #expect(members[RunIdentity.instructions]?.string == Precision.bfloat16.instructions)
    members[RunIdentity.instructions] = "SVE2"
    let other = try #require(RunIdentity(json: .object(members)))
    let changes = rounding.changes(since: other)
    #expect(changes.refused.isEmpty && changes.instructions?.old == "SVE2")
    #expect(exact.changes(since: exact).instructions == nil)
  }

  @Test("a state of a program that knew fewer keys goes on where they are at their defaults")
  func fewerKeys() throws {
    let workspace = try RunWorkspace()
    defer { withExtendedLifetime(workspace) {} }
    func identity(_ method: SumMethod) throws -> RunIdentity {
      try RunIdentity(workspace.configuration("run", set: ["training.gradientSum=\(method.rawValue)"]))
    }
    let members = try #require(try identity(.tree).json.object)
    let fewer = JSON.members(members.map { ($0, $1) }.filter { !$0.0.hasSuffix(".gradientSum") })
    let old = try #require(RunIdentity(json: fewer)).completed(by: workspace.configuration("run"))
    #expect(try identity(.tree).changes(since: old).refused == [])
    let refused = try identity(.mpi).changes(since: old).refused.map(\.description)
    #expect(!refused.isEmpty && refused.allSatisfy { $0.hasSuffix("gradientSum: was tree, is mpi") })
  }

  @Test("a teacher whose numbers 8 bits cannot hold is refused with the figures")
  func calibration() throws {
    let workspace = try RunWorkspace()
    defer { withExtendedLifetime(workspace) {} }
    let configuration = try workspace.configuration("run", set: ["teacher.precision=int8"])
    for isHostile in [false, true] {
      let inputs = try RunInputs(configuration, threads: 1)
      let model = try #require(inputs.teacher)
      for layer in model.encoder.parameters.layers where isHostile {
        // One number of each row is a thousand times the others, and nothing but the row's scale depends on it.
        try model.weights[#require(layer.intermediate.bias)][0, 0] = 1e5
        let output = model.weights[layer.output.weight]
        for row in 0..<output.rows {
          for column in 0..<output.columns { output[row, column] *= column == 0 ? 0 : 5 }
        }
      }
      let calibration = Calibration(model, taps: [.logits], rows: inputs.training.all, name: "teacher")
      let places = try Places(pool: WorkerPool(workers: 1), ranks: SingleProcess())
      let frozen = try places.freeze(
        model, for: [.logits], words: Array(0..<model.configuration.vocabularySize), precision: .int8)
      #expect(frozen.precision == .int8)
      if isHostile {
        let error = #expect(throws: ModelError.self) { try calibration.check(frozen) }
        #expect(error?.description.contains("found them 0.") == true, "\(String(describing: error))")
      } else {
        try calibration.check(frozen)
      }
    }
  }
}
