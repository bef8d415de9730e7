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
      let parts = try changedParts(workspace, "after-\(steps)")
      #expect(parts == expected, "after \(steps) steps")
    }
  }

  @Test(
    "freezing leaves the embeddings and the first layers",
    arguments: [
      (0, ["classifier", "layer.0", "layer.1", "pooler"]), (1, ["classifier", "layer.1", "pooler"]),
      (2, ["classifier", "pooler"]),
    ])
  func freezing(layers: Int, expected: [String]) throws {
    let workspace = try RunWorkspace()
    try workspace.run(
      workspace.configuration(
        "run", set: ["stages=[{name: only, adaptors: [LogitCE], maxSteps: 2, update: {freeze: \(layers)}}]"]))
    #expect(try changedParts(workspace, "run") == expected)
  }

  @Test("no more layers can be frozen than there are")
  func freezingTooMany() throws {
    let workspace = try RunWorkspace()
    let configuration = try workspace.configuration("run", set: ["stages=[{name: only, update: {freeze: 3}}]"])
    let error = #expect(throws: (any Error).self) { try workspace.run(configuration) }
    #expect("\(error!)".contains("stages.0.update: expected at most the student's 2 layers to freeze, found 3"))
  }

  @Test("each layer's learning rate is a share of the next one's", arguments: ["sgd", "adamw"])
  func layerDecay(optimizer: String) throws {
    let workspace = try RunWorkspace()
    /// How far a step moves each parameter.
    func moves(_ decay: Double) throws -> [String: [Float]] {
      try workspace.run(
        workspace.configuration(
          "decay-\(decay)",
          set: [
            "stages=[{name: only, maxSteps: 1, schedule: {kind: constant, warmup: 0}, maxGradientNorm: null, "
              + "optimizer: {kind: \(optimizer)}, layerDecay: \(decay), learningRate: 0.5}]"
          ]))
      let before = try tensors("\(workspace.path)/student-narrow/model.safetensors")
      return try tensors("\(workspace.path)/decay-\(decay)/last/model.safetensors").mapValues { floats($0) }
        .reduce(into: [:]) { moves, tensor in
          guard let old = before[tensor.key] else { return }
          moves[tensor.key] = zip(tensor.value, floats(old)).map { $0 - $1 }
        }
    }
    let (even, decayed) = (try moves(1), try moves(0.5))
    for (key, factor) in [
      ("classifier.weight", Float(1)), ("bert.pooler.dense.weight", 1),
      ("bert.encoder.layer.1.attention.self.query.weight", 0.5), ("bert.encoder.layer.0.output.dense.weight", 0.25),
      ("bert.embeddings.word_embeddings.weight", 0.125), ("bert.embeddings.LayerNorm.bias", 0.125),
    ] {
      let (all, part) = (try #require(even[key]), try #require(decayed[key]))
      let largest = all.map(abs).max()!
      #expect(largest > 0 && zip(all, part).allSatisfy { abs($0 * factor - $1) <= 1e-3 * largest * factor }, "\(key)")
    }
  }

  /// What of the student a run has changed.
  private func changedParts(_ workspace: RunWorkspace, _ run: String) throws -> [String] {
    let before = try tensors("\(workspace.path)/student-narrow/model.safetensors")
    let after = try tensors("\(workspace.path)/\(run)/last/model.safetensors")
    let parts = Set(
      after.keys.filter { after[$0] != before[$0] }.map { key in
        key.firstMatch(of: /layer\.\d/).map { String($0.output) }
          ?? String(key.split(separator: ".").first { ["classifier", "pooler", "embeddings"].contains($0) } ?? "")
      })
    return parts.sorted()
  }

  private func floats(_ bytes: [UInt8]) -> [Float] {
    bytes.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map { bytes.loadUnaligned(fromByteOffset: $0, as: Float.self) }
    }
  }

  private func tensors(_ path: String) throws -> [String: [UInt8]] {
    let file = try SafetensorsFile(path)
    return Dictionary(uniqueKeysWithValues: try file.tensors.map { ($0.name, try file.bytes($0)) })
  }
}
