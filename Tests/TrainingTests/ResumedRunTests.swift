import Checkpoints
import Collectives
import Foundation
import Testing
import Training

/// A run that stopped behind any step goes on as if it had not.
@Suite struct ResumedRuns {
  @Test("a stop behind any step of two stages changes nothing")
  func everyStep() throws {
    let workspace = try RunWorkspace()
    try #expect(workspace.run(workspace.configuration("whole")) == .finished)
    let expected = try workspace.result(of: "whole")
    #expect(expected.count { $0.contains(#""event":"step""#) } == 28)
    for calls in 1...29 {
      let configuration = try workspace.configuration("stopped-\(calls)")
      #expect(try workspace.run(configuration, stoppingAt: calls) == .interrupted(signal: 15, hasState: calls > 1))
      #expect(try workspace.run(configuration, resume: .auto) == .finished)
      #expect(try workspace.result(of: "stopped-\(calls)") == expected, "stopped at \(calls)")
    }
  }

  @Test("nor with texts without labels, which two stages mix differently")
  func unlabelledTexts() throws {
    let workspace = try RunWorkspace()
    let overrides = [
      "data.unlabelled=[{text: \"\(workspace.path)/texts.txt\"}]", "data.mix={labelled: 0.3}",
      "stages.second.data={mix: concatenate, unlabelled: [{text: \"\(workspace.path)/texts.txt\"}, "
        + "{text: \"\(workspace.path)/validation.txt\"}]}",
    ]
    var notices: [String] = []
    try workspace.run(workspace.configuration("whole", set: overrides)) { notices.append($0) }
    let expected = try workspace.result(of: "whole")
    // 47 labelled rows, 30 texts and in the second stage 19 more, in batches of 7, twice.
    #expect(expected.count { $0.contains(#""event":"step""#) } == 2 * 11 + 2 * 14)
    #expect(notices.contains { $0.contains("validation.txt: 19 of 19 rows are also in the validation data") })
    for calls in [1, 8, 16, 22, 23, 27, 40] {
      let configuration = try workspace.configuration("stopped-\(calls)", set: overrides)
      #expect(try workspace.run(configuration, stoppingAt: calls) == .interrupted(signal: 15, hasState: calls > 1))
      #expect(try workspace.run(configuration, resume: .auto) == .finished)
      #expect(try workspace.result(of: "stopped-\(calls)") == expected, "stopped at \(calls)")
    }
  }

  @Test("nor with schedules and gradual unfreezing")
  func schedules() throws {
    let workspace = try RunWorkspace()
    let overrides = [
      "stages.first.adaptors.AttnMiniLM.weight={from: 2, to: 0, over: 0.8, kind: cosine}",
      "stages.second.adaptors.LogitMSE.temperature={from: 5, to: 1, over: 9}",
      "stages.second.labelWeight={from: 0, to: 1, over: 0.5, kind: step}",
      "stages.second.update={unfreeze: top-down, every: 3}",
    ]
    try workspace.run(workspace.configuration("whole", set: overrides))
    let expected = try workspace.result(of: "whole")
    for calls in [4, 14, 17, 20, 23, 27] {
      let configuration = try workspace.configuration("stopped-\(calls)", set: overrides)
      #expect(try workspace.run(configuration, stoppingAt: calls) == .interrupted(signal: 15, hasState: true))
      #expect(try workspace.run(configuration, resume: .auto) == .finished)
      #expect(try workspace.result(of: "stopped-\(calls)") == expected, "stopped at \(calls)")
    }
  }

  @Test("nor with several teachers, one of them cached")
  func severalTeachers() throws {
    let workspace = try RunWorkspace()
    let overrides = [
      "teacher=null",
      "teachers=[{model: \"\(workspace.path)/teacher\"}, {model: \"\(workspace.path)/student-narrow\", weight: 0.5, "
        + "cache: {path: \"\(workspace.path)/cache\", precision: fp32}}]", "average=probabilities",
      "stages.first.adaptors=[LogitCE]", "stages.first.update=all",
    ]
    try workspace.run(workspace.configuration("whole", set: overrides))
    let expected = try workspace.result(of: "whole").filter { !$0.contains("teacher_cache") }
    for calls in [5, 16] {
      let configuration = try workspace.configuration("stopped-\(calls)", set: overrides)
      #expect(try workspace.run(configuration, stoppingAt: calls) == .interrupted(signal: 15, hasState: true))
      #expect(try workspace.run(configuration, resume: .auto) == .finished)
      #expect(try workspace.result(of: "stopped-\(calls)").filter { !$0.contains("teacher_cache") } == expected)
    }
  }

  @Test("nor where sentence vectors are learned, through an adaptor's map or the student's own", arguments: [nil, 7])
  func sentenceVectors(projection: Int?) throws {
    let workspace = try RunWorkspace()
    let own = projection.map { ", projection: {width: \($0), activation: tanh}" } ?? ""
    let overrides = [
      "task={kind: embedding, normalize: true\(own)}", "data.train={text: \"\(workspace.path)/train.txt\"}",
      "data.validation={text: \"\(workspace.path)/validation.txt\"}", "stages.first.adaptors=[EmbeddingMSE]",
      "stages.first.update=all", "stages.second.adaptors=[EmbeddingCosine, SimilarityMSE]",
      "stages.second.labelWeight=0", "stages.second.checkpoint={monitor: val_EmbeddingCosine}",
    ]
    try workspace.run(workspace.configuration("whole", set: overrides))
    let expected = try workspace.result(of: "whole")
    #expect(expected.contains { $0.contains("/2_Dense/model.safetensors ") } == (projection != nil))
    for calls in [5, 16] {
      let configuration = try workspace.configuration("stopped-\(calls)", set: overrides)
      #expect(try workspace.run(configuration, stoppingAt: calls) == .interrupted(signal: 15, hasState: true))
      #expect(try workspace.run(configuration, resume: .auto) == .finished)
      #expect(try workspace.result(of: "stopped-\(calls)") == expected)
    }
  }

  @Test("so do many stops, whatever states are kept", arguments: [2, 5], [1, 3])
  func manyStops(steps: Int, keep: Int) throws {
    let workspace = try RunWorkspace()
    try workspace.run(workspace.configuration("whole"))
    let configuration = try workspace.configuration(
      "stopped", set: ["run.keepStates=\(keep)", "run.saveStateEverySteps=4"])
    var stops = 0
    // The first call comes before the first step.
    while try workspace.run(configuration, resume: .auto, stoppingAt: 1 + steps) != .finished { stops += 1 }
    #expect(stops == (28 - 1) / steps || stops == 28 / steps)
    #expect(try workspace.result(of: "stopped") == workspace.result(of: "whole"))
  }

  @Test("plain gradient descent, which has no moments, and steps that save nothing", arguments: ["sgd", "adamw"])
  func optimizers(kind: String) throws {
    let workspace = try RunWorkspace()
    let overrides = ["training.optimizer={kind: \(kind)}", "training.maxGradientNorm=null"]
    try workspace.run(workspace.configuration("whole", set: overrides))
    let configuration = try workspace.configuration("stopped", set: overrides)
    try workspace.run(configuration, stoppingAt: 5)
    try workspace.run(configuration, resume: .auto)
    #expect(try workspace.result(of: "stopped") == workspace.result(of: "whole"))
  }

  @Test("no flipped bit and no cut of any file of a state goes unnoticed")
  func damage() throws {
    let workspace = try RunWorkspace()
    let configuration = try workspace.configuration("run")
    try workspace.run(configuration, stoppingAt: 6)
    let states = "\(workspace.path)/run/state"
    let state = try FileManager.default.destinationOfSymbolicLink(atPath: "\(states)/last")
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(states)/\(state)").sorted()
    #expect(names == ["manifest.json", "moments.safetensors", "state.json", "weights.safetensors"])
    // Drawn by a generator with a seed, so that a failure comes again.
    var drawn: UInt64 = 11
    func random(below bound: Int) -> Int {
      drawn = drawn &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(drawn >> 33) % bound
    }
    for name in names {
      let file = "\(states)/\(state)/\(name)"
      let sound = try #require(FileManager.default.contents(atPath: file))
      for trial in 0..<16 {
        var damaged = sound
        if trial % 4 == 0 {
          damaged.removeLast(trial == 0 ? 1 : 1 + random(below: sound.count))
        } else {
          damaged[random(below: sound.count)] ^= 1 << UInt8(random(below: 8))
        }
        try damaged.write(to: URL(filePath: file))
        #expect(throws: (any Error).self, "\(name), trial \(trial)") {
          try workspace.run(configuration, resume: .path("\(states)/\(state)"), stoppingAt: 1)
        }
      }
      try sound.write(to: URL(filePath: file))
    }
    #expect(try workspace.run(configuration, resume: .path("\(states)/last"), stoppingAt: 1) != .finished)
  }

  @Test("a state whose student checkpoint is damaged is not used")
  func damagedCheckpoint() throws {
    let workspace = try RunWorkspace()
    let configuration = try workspace.configuration("run")
    try workspace.run(configuration, stoppingAt: 9)
    let model = "\(workspace.path)/run/stages/first/last/model.safetensors"
    var bytes = try #require(FileManager.default.contents(atPath: model))
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: URL(filePath: model))
    var notices: [String] = []
    #expect(try workspace.run(configuration, resume: .auto) { notices.append($0) } == .finished)
    #expect(notices[0].contains("model.safetensors: damaged") && notices[0].contains("cannot be used"))
    try workspace.run(workspace.configuration("whole"))
    #expect(try workspace.result(of: "run") == workspace.result(of: "whole"))
  }

  @Test("a save that fails leaves the states before it, and the run goes on or stops as told")
  func failedSave() throws {
    let workspace = try RunWorkspace()
    // A file where a state's directory would go is not replaced.
    func makeObstacle(_ directory: String, steps: Range<Int>) throws {
      for step in steps {
        try workspace.write("", to: "\(directory)/state/stage=1-step=\(step < 10 ? "00000" : "0000")\(step)")
      }
    }
    let every = ["run.saveStateEverySteps=1"]
    let patient = try workspace.configuration("run", set: every)
    try workspace.run(patient, stoppingAt: 5)
    // Before the first step of the resumed run there are states 3 and 4; resuming from 4 takes away what follows.
    var notices: [String] = []
    var isObstructed = false
    let places = try Places(pool: WorkerPool(workers: 1), ranks: SingleProcess())
    func resume(_ configuration: RunConfiguration, obstacles: Range<Int>) throws -> RunEnd {
      isObstructed = false
      return try Trainer(configuration, places: places, resume: .auto, hub: RunWorkspace.hub) { event in
        if case .notice(let text) = event { notices.append(text) }
        guard case .stageStarted = event, !isObstructed else { return }
        isObstructed = true
        try? makeObstacle("run", steps: obstacles)
      }.run()
    }
    #expect(throws: CheckpointError.self) {
      try resume(workspace.configuration("run", set: every + ["run.onFailedSave=stop"]), obstacles: 5..<6)
    }
    #expect(throws: CheckpointError.self) { try resume(patient, obstacles: 5..<8) }
    #expect(notices.contains { $0.contains("the state could not be saved (2 of 3 failures before the run stops)") })
    #expect(
      try FileManager.default.destinationOfSymbolicLink(atPath: "\(workspace.path)/run/state/last").hasSuffix("4"))
    #expect(try resume(patient, obstacles: 5..<7) == .finished)
  }

  @Test("a configuration that changed is refused key by key, or allowed")
  func changes() throws {
    let workspace = try RunWorkspace()
    try workspace.run(workspace.configuration("run"), stoppingAt: 6)
    let changed = try workspace.configuration("run", set: ["stages.second.learningRate=0.01", "data.maxLength=12"])
    let error = #expect(throws: ModelError.self) { try workspace.run(changed, resume: .auto) }
    #expect(error?.description.contains("\n  data.maxLength: was 16, is 12\n") == true)
    #expect(error?.description.contains("\n  stages.second.learningRate: was 0.005, is 0.01\n") == true)
    #expect(error?.description.contains("--allow-changes") == true)
    #expect(try workspace.run(changed, resume: .auto, allowsChanges: true) == .finished)
  }
}
