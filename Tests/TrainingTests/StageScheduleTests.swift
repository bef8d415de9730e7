import Checkpoints
import Distillation
import Foundation
import Testing

@testable import Training

/// What of a stage follows from the step.
@Suite struct StageScheduleTests {
  @Test("a schedule goes from one end to the other")
  func values() {
    let linear = Scheduled(from: 4, to: 1, over: .share(0.5))
    #expect([0, 10, 25, 50, 99].map { linear.value(at: $0, of: 100) } == [4, 3.4, 2.5, 1, 1])
    let cosine = Scheduled(from: 0, to: 2, over: .steps(8), kind: .cosine)
    for (step, value) in [(0, 0.0), (2, 1 - 0.5.squareRoot()), (4, 1), (6, 1 + 0.5.squareRoot()), (8, 2), (9, 2)] {
      #expect(abs(cosine.value(at: step, of: 100) - value) < 1e-12)
    }
    let step = Scheduled(from: 1, to: 0, over: .steps(3), kind: .step)
    #expect((0..<6).map { step.value(at: $0, of: 6) } == [1, 1, 1, 0, 0, 0])
  }

  /// A run of one stage; schedules of one value are that value, to the bit.
  private func weights(_ workspace: RunWorkspace, _ name: String, _ overrides: [String]) throws -> Data {
    try workspace.run(
      workspace.configuration(
        name,
        set: [
          "stages=[{name: only, adaptors: [AttnMiniLM, {LogitCE: {temperature: 2}}], maxSteps: 8, "
            + "checkpoint: {saveLast: true}}]"
        ] + overrides))
    return try #require(
      FileManager.default.contents(atPath: "\(workspace.path)/\(name)/stages/only/last/model.safetensors"))
  }

  @Test("a schedule of one value is that value, and one that steps is first one and then the other")
  func constants() throws {
    let workspace = try RunWorkspace()
    let constant = try weights(
      workspace, "constant", ["stages.only.labelWeight=0.5", "stages.only.adaptors.AttnMiniLM.weight=2"])
    let flat = try weights(
      workspace, "flat",
      [
        "stages.only.labelWeight={from: 0.5, to: 0.5}",
        "stages.only.adaptors.AttnMiniLM.weight={from: 2, to: 2, kind: cosine}",
        "stages.only.adaptors.LogitCE.temperature={from: 2, to: 2}",
      ])
    #expect(flat == constant)
    // The last step is at the end of `over` only where it is shorter than the stage.
    for (key, from, to) in [
      ("labelWeight", "0.5", "0"), ("adaptors.AttnMiniLM.weight", "2", "1"), ("adaptors.LogitCE.temperature", "2", "5"),
    ] {
      let late = try weights(
        workspace, "late-\(key)",
        [
          "stages.only.labelWeight=0.5", "stages.only.adaptors.AttnMiniLM.weight=2",
          "stages.only.\(key)={from: \(from), to: \(to), over: 8, kind: step}",
        ])
      #expect(late == constant, "\(key)")
      let early = try weights(
        workspace, "early-\(key)",
        [
          "stages.only.labelWeight=0.5", "stages.only.adaptors.AttnMiniLM.weight=2",
          "stages.only.\(key)={from: \(from), to: \(to), over: 7, kind: step}",
        ])
      #expect(early != constant, "\(key)")
    }
  }

  @Test("unfreezing goes from the head down, a layer at a time, and at last to the embeddings")
  func unfreezing() throws {
    let workspace = try RunWorkspace()
    // Of two layers: the head, then layer 1, then layer 0, then everything.
    for (steps, expected) in [
      (2, ["classifier", "pooler"]), (4, ["classifier", "layer.1", "pooler"]),
      (6, ["classifier", "layer.0", "layer.1", "pooler"]),
      (7, ["classifier", "embeddings", "layer.0", "layer.1", "pooler"]),
    ] {
      try workspace.run(
        workspace.configuration(
          "after-\(steps)",
          set: [
            "stages=[{name: only, adaptors: [LogitCE], maxSteps: \(steps), schedule: {kind: constant, warmup: 0}, "
              + "update: {unfreeze: top-down, every: 2}}]"
          ]))
      let before = try tensors("\(workspace.path)/student-narrow/model.safetensors")
      let after = try tensors("\(workspace.path)/after-\(steps)/last/model.safetensors")
      let parts = Set(
        after.keys.filter { after[$0] != before[$0] }.map { key in
          key.firstMatch(of: /layer\.\d/).map { String($0.output) }
            ?? String(
              key.split(separator: ".").first { ["classifier", "pooler", "embeddings"].contains($0) } ?? "")
        })
      #expect(parts.sorted() == expected, "after \(steps) steps")
    }
  }

  private func tensors(_ path: String) throws -> [String: [UInt8]] {
    let file = try SafetensorsFile(path)
    return Dictionary(uniqueKeysWithValues: try file.tensors.map { ($0.name, try file.bytes($0)) })
  }
}
