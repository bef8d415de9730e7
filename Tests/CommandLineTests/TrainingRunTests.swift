import JSON
import Testing

/// Whole runs in one process, judged by what they leave behind.
@Suite struct TrainingRuns {
  @Test(arguments: [
    ("finetune", Configuration.finetune), ("mix", .mixStep), ("intermediate", .firstStep), ("all", .everyAdaptor),
  ])
  func oneStageRunsEndToEnd(stage: String, configuration: Configuration) throws {
    let workspace = try TinyWorkspace()
    let run = try workspace.train(configuration)
    try expectWhole(run, stages: [stage], steps: 33)
    #expect(run.losses.last! < run.losses.first!)
    for file in ["config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json", "README.md"] {
      #expect(workspace.exists("run/best/\(file)"), "\(file)")
    }
  }

  /// What every finished run's directory holds.
  private func expectWhole(_ run: RunRecord, stages: [String], steps: Int) throws {
    #expect(bytes(of: "\(run.directory)/config.yaml")?.isEmpty == false)
    #expect(run.events.allSatisfy { $0["event"]?.string != nil && $0["time"]?.double != nil })
    #expect(run.events("run_started").count == 1 && run.events("run_finished").count == 1)
    #expect(run.summary["stages"]?.array?.compactMap { $0["stage"]?.string } == stages)
    for stage in stages {
      #expect(run.events("step", stage: stage).compactMap { $0["step"]?.int } == Array(1...steps))
      #expect(run.events("validation", stage: stage).compactMap { $0["step"]?.int } == [11, 22, 33])
      #expect(run.checkpoint("last", stage: stage)?.hasPrefix("step=000033-epoch=3-val_") == true)
      #expect(try run.checkpoints(stage: stage).contains(try #require(run.checkpoint("best", stage: stage))))
    }
    #expect(run.parts(ofLink: "best") == ["stages", stages.last!, "best"])
    #expect(run.parts(ofLink: "last") == ["stages", stages.last!, "last"])
  }

  @Test func secondStageStartsFromTheBestOfTheFirst() throws {
    let workspace = try TinyWorkspace()
    // The worst counts as the best, which is then another checkpoint than the last.
    let run = try workspace.train(.twoStep, set: ["stages.intermediate.checkpoint.mode=max"])
    try expectWhole(run, stages: ["intermediate", "prediction"], steps: 33)
    let first = "stages/intermediate"
    try #require(run.checkpoint("best", stage: "intermediate") != run.checkpoint("last", stage: "intermediate"))
    let (best, last) = (try run.weights("\(first)/best"), try run.weights("\(first)/last"))
    let second = try run.weights()
    for (key, values) in second where !isHead(key) { #expect(values == best[key], "\(key)") }
    #expect(second.contains { !isHead($0.key) && $0.value != last[$0.key] })
  }

  @Test func firstStepIsSelectedByItsDistillationLoss() throws {
    let run = try TinyWorkspace().train(.twoStep)
    let validations = run.events("validation", stage: "intermediate")
    let best = try #require(validations.min { $0.number("val_distillation") < $1.number("val_distillation") })
    let name = try #require(run.checkpoint("best", stage: "intermediate"))
    #expect(name.hasPrefix("step=0000\(best["step"]!.int!)-"))
    #expect(abs(value(named: "val_distillation", in: name)! - best.number("val_distillation")) < 1e-4)
    for validation in validations {
      let parts = validation.number("val_AttnMiniLM") + 0.5 * validation.number("val_ValMiniLM")
      #expect(abs(validation.number("val_distillation") - parts) < 1e-9)
    }
    #expect(run.summary["stages"]?.array?[0]["best"]?["step"]?.int == best["step"]?.int)
  }

  @Test(arguments: [("val_loss", "min"), ("val_accuracy", "max"), ("val_distillation", "max")])
  func bestIsTheBestAndTheBestFewAreKept(monitor: String, mode: String) throws {
    let run = try TinyWorkspace().train(
      .mixStep,
      set: [
        "stages.0.checkpoint={monitor: \(monitor), mode: \(mode), saveTopK: 3}", "training.validateEverySteps=3",
        "training.learningRate=0.05", "training.maxSteps=33",
      ])
    let validations = run.events("validation").map { (step: $0["step"]!.int!, value: $0.number(monitor)) }
    // Every third step and the end of each epoch.
    #expect(validations.map(\.step) == Array(1...33).filter { $0 % 3 == 0 || $0 % 11 == 0 })
    // Of several that are as good, the earliest stays.
    let ranked = validations.sorted { a, b in
      a.value == b.value ? a.step < b.step : mode == "min" ? a.value < b.value : a.value > b.value
    }
    let expected = Set(ranked.prefix(3).map(\.step)).union([33])
    func step(_ name: String) -> Int? { Int(name.split(separator: "-")[0].dropFirst("step=".count)) }
    let kept = try run.checkpoints(stage: "mix")
    #expect(Set(kept.compactMap(step)) == expected && kept.count == expected.count)
    #expect(run.checkpoint("best", stage: "mix").flatMap(step) == ranked[0].step)
    #expect(run.checkpoint("last", stage: "mix").flatMap(step) == 33)
    #expect(
      run.events("validation").filter { $0["best"] == true }.compactMap { $0["step"]?.int }.last == ranked[0].step)
    #expect(run.summary["stages"]?.array?[0]["best"]?[monitor]?.double == ranked[0].value)
  }

  @Test func lastIsNotKeptWhereItIsNotWanted() throws {
    let run = try TinyWorkspace().train(.finetune, set: ["stages.0.checkpoint.saveLast=false"])
    #expect(try run.checkpoints(stage: "finetune").count == 1)
    #expect(run.parts(ofLink: "last") == nil && run.checkpoint("last", stage: "finetune") == nil)
  }

  @Test func withoutValidationTheLastIsTheBest() throws {
    let workspace = try TinyWorkspace()
    let run = try workspace.train(.finetune, set: ["data.validation=null"])
    #expect(try run.checkpoints(stage: "finetune") == ["step=000033-epoch=3"])
    #expect(run.checkpoint("best", stage: "finetune") == "step=000033-epoch=3")
    #expect(run.checkpoint("last", stage: "finetune") == "step=000033-epoch=3")
  }

  @Test(arguments: ["head", "encoder"])
  func onlyWhatIsUpdatedChanges(part: String) throws {
    let workspace = try TinyWorkspace()
    let run = try workspace.train(.mixStep, set: ["stages.0.update=\(part)", "student={model: student}"])
    let (before, after) = (try readWeights("\(workspace.path)/student"), try run.weights("last"))
    #expect(Set(before.keys) == Set(after.keys))
    for (key, values) in after {
      #expect((values == before[key]) == (isHead(key) != (part == "head")), "\(key)")
    }
  }

  @Test func twoStepsAtOnceAreTheTwoStepsOneAfterTheOther() throws {
    let workspace = try TinyWorkspace()
    let dropout = "student.dropout={hidden: 0.1, attention: 0.1, classifier: 0.1}"
    let together = try workspace.train(.twoStep, set: ["run.directory=together", dropout])
    let first = try workspace.train(.firstStep, set: ["run.directory=first", dropout])
    let second = try workspace.train(.secondStep, set: ["run.directory=second", dropout])
    #expect(together.losses == first.losses + second.losses)
    #expect(together.weightBytes("stages/intermediate/best") == first.weightBytes())
    #expect(together.weightBytes() == second.weightBytes())
  }

  @Test func resolvedConfigurationRunsAgainToTheSameNumbers() throws {
    let workspace = try TinyWorkspace()
    let run = try workspace.train(.everyAdaptor, set: ["training.optimizer.weightDecay=0.01"], threads: 2)
    let again = try workspace.run(
      ["--config", "run/config.yaml", "--threads", "2", "--set", "run.directory=again", "--quiet"])
    #expect(again.status == 0 && again.errors.isEmpty)
    // Of so many terms some have little to say, which is a warning.
    let lines = again.output.split(separator: "\n").filter { !$0.contains(" little to say: ") }
    #expect(lines.count == 3 && lines[0].hasPrefix("stage") && lines[2] == "Best model: again/best", "\(again.output)")
    let repeated = try RunRecord("again", in: workspace)
    #expect(repeated.comparableEvents == run.comparableEvents)
    #expect(repeated.weightBytes() == run.weightBytes())
    #expect(
      workspace.text("again/config.yaml").split(separator: "\n").filter { !$0.contains("directory:") }
        == workspace.text("run/config.yaml").split(separator: "\n").filter { !$0.contains("directory:") })
  }

  @Test func termThatTeachesNextToNothingIsToldOnceWithABetterWeight() throws {
    let workspace = try TinyWorkspace()
    let adaptors = "stages.mix.adaptors=[AttnMiniLM, {LogitMSE: {weight: 1.0e-6}}]"
    try workspace.write(Configuration.mixStep.yaml, to: "c.yaml")
    func run(_ adaptors: String, _ directory: String) throws -> [Substring] {
      let output = try workspace.output(
        ["--config", "c.yaml", "--set", "run.directory=\(directory)", "--set", adaptors, "--set", "training.epochs=2"])
      #expect(output.contains("share of the gradient  parameters  last hidden states"), "\(output)")
      return output.split(separator: "\n").filter { $0.contains(" little to say: ") }
    }
    let notes = try run(adaptors, "silent")
    try #require(notes.count == 1, "\(notes)")
    #expect(notes[0].hasPrefix("Note: stage mix: LogitMSE has little to say: 0.0 % of the gradient at step 0"))
    let weight = try #require(notes[0].firstMatch(of: #/raise it, to ([0-9.]+) for a tenth/#)).output.1
    #expect(try run("stages.mix.adaptors=[AttnMiniLM, {LogitMSE: {weight: \(weight)}}]", "heard").isEmpty)
    let first = try #require(try RunRecord("heard", in: workspace).events("gradient_shares").first)
    #expect(abs(first.number("gradient_share/LogitMSE") - 0.1) < 0.01)
  }

  @Test func oneStepOfPlainGradientDescentMovesEveryWeightThatHasAGradient() throws {
    let workspace = try TinyWorkspace()
    let run = try workspace.train(
      .mixStep,
      set: [
        "student={model: student}",
        "training={batchSize: 32, maxSteps: 1, learningRate: 1, optimizer: {kind: sgd}, "
          + "schedule: {kind: constant, warmup: 0}, maxGradientNorm: null, shuffle: false}", "data.validation=null",
      ])
    let (before, after) = (try readWeights("\(workspace.path)/student"), try run.weights())
    var squares = 0.0
    for (key, values) in after {
      // The gradient of the keys' bias is 0 but for rounding: it shifts all scores of a row alike.
      if !key.hasSuffix("key.bias") { #expect(values != before[key], "\(key)") }
      squares += zip(values, before[key]!).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
    }
    let norm = run.events("step")[0].number("gradient_norm")
    #expect(abs(squares.squareRoot() - norm) < 1e-4 * norm)
  }

  @Test func progressAndResultsAreShown() throws {
    let workspace = try TinyWorkspace()
    let result = try workspace.attempt(.twoStep)
    for line in [
      "run: 1 rank × 1 thread", "teacher teacher, 10,997 parameters", "103 training rows", "37 validation rows",
      "Stage 1 of 2, intermediate: 3 epochs, 33 steps", "Stage 2 of 2, prediction", "AttnMiniLM", "1 ← 3, 2 ← 4",
      "epoch 3/3  step 11/11", "sentences/s", "  best", "macro-recall", "Best model: run/best",
    ] {
      #expect(result.output.contains(line), "\(line)")
    }
    #expect(!result.output.contains("\u{1B}") && result.errors.isEmpty)
    let json = try workspace.run(
      ["--config", "configuration.yaml", "--json", "--threads", "1", "--set", "run.directory=again"])
    let events = try json.output.split(separator: "\n").map { try JSON.parse(Array($0.utf8)) }
    #expect(events.count == (try RunRecord.events(in: "\(workspace.path)/again").count))
  }
}

/// Whether a tensor belongs to what follows the last layer.
private func isHead(_ key: String) -> Bool { key.hasPrefix("classifier.") || key.hasPrefix("bert.pooler.") }

extension JSON {
  /// A member that must be a number.
  func number(_ key: String) -> Double { self[key]?.double ?? .nan }
}
