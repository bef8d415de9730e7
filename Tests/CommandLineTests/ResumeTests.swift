import Checkpoints
import Glibc
import JSON
import Testing

/// A run that was stopped anywhere and resumed is the run that never stopped.
@Suite struct Resuming {
  static let dropout = "student.dropout={hidden: 0.1, attention: 0.1, classifier: 0.1}"
  /// Long enough to be hit anywhere, with validations in mid-epoch.
  static let long = [
    "training={batchSize: 10, maxSteps: 500, learningRate: 2.0e-3, validateEverySteps: 40}", dropout,
  ]
  static func workspace() throws -> TinyWorkspace { try TinyWorkspace(trainRows: 1003) }

  /// Stops a run soon after a step.
  static func stop(
    _ workspace: TinyWorkspace, ranks: Int, after step: Int, arguments: [String]
  ) throws -> ProgramRun {
    let job = try workspace.start(ranks: ranks, arguments)
    try workspace.wait { workspace.loggedSteps >= step }
    job.signal(SIGUSR1)
    return try job.wait()
  }

  @Test(arguments: [1, 2])
  func killedAnywhereAndResumedGivesTheSameBytes(ranks: Int) throws {
    let workspace = try Self.workspace()
    let whole = try workspace.train(.twoStep, set: Self.long, ranks: ranks)
    let expected = try workspace.resultOfRun()
    let seconds = try #require(whole.summary["seconds"]?.double)
    var kills = 0
    try workspace.remove("run")
    let arguments = workspace.arguments(set: Self.long) + ["--resume", "auto", "--quiet"]
    for attempt in 0..<40 {
      let job = try workspace.start(ranks: ranks, arguments)
      // Once without a kill, or it might never end.
      if kills < (ranks == 1 ? 8 : 3) {
        // Uneven times, the same in every run.
        usleep(UInt32(1_000_000 * max(0.2, seconds * 0.6) * Double((7 * attempt + 3) % 11) / 11))
        job.killRank()
        kills += 1
      }
      let result = try job.wait()
      guard result.status == 0 else {
        try #require(result.signal != nil || ranks > 1, "\(result)")
        continue
      }
      let differences = try workspace.resultOfRun().difference(from: expected)
      #expect(differences.isEmpty, "after \(kills) kills, \(attempt + 1) starts")
      return
    }
    Issue.record("the run did not end in 40 starts")
  }

  @Test func stateOfAnOlderStepIsUsedWhereTheNewestIsDamaged() throws {
    let workspace = try Self.workspace()
    _ = try workspace.train(.twoStep, set: Self.long)
    let expected = try workspace.resultOfRun()
    try workspace.remove("run")
    let arguments = workspace.arguments(set: Self.long)
    let stopped = try Self.stop(workspace, ranks: 1, after: 100, arguments: arguments)
    try #require(stopped.status == 75, "\(stopped)")
    let states = try workspace.states()
    try #require(states.count == 2)
    let newest = "run/state/\(states[1])/weights.safetensors"
    var damaged = try #require(bytes(of: "\(workspace.path)/\(newest)"))
    damaged[damaged.count / 2] ^= 1
    try workspace.write(damaged, to: newest)
    #expect(try workspace.run(["verify", "run"]).status == 1)
    let resumed = try workspace.run(arguments + ["--resume", "auto"])
    #expect(resumed.status == 0)
    #expect(
      resumed.output.contains("\(states[1]) cannot be used: ")
        && resumed.output.contains("resuming from run/state/\(states[0]): the newest that can be used"), "\(resumed)")
    #expect(try workspace.resultOfRun() == expected)
  }

  @Test func withoutASoundStateTheRunStartsAnew() throws {
    let workspace = try Self.workspace()
    let arguments = workspace.arguments(set: Self.long) + ["--resume", "auto"]
    let first = try Self.stop(workspace, ranks: 1, after: 20, arguments: arguments)
    #expect(first.output.contains("no run to resume: starting from the beginning"))
    for state in try workspace.states() { try workspace.remove("run/state/\(state)/manifest.json") }
    let second = try workspace.run(arguments)
    #expect(second.status == 0 && second.output.contains("can be used: starting from the beginning"), "\(second)")
    let expected = try workspace.resultOfRun()
    _ = try workspace.train(.twoStep, set: Self.long + ["run.overwrite=true"])
    #expect(try workspace.resultOfRun() == expected)
  }

  @Test func finishedRunSaysSo() throws {
    let workspace = try Self.workspace()
    _ = try workspace.train(.twoStep)
    #expect(try workspace.states() == ["stage=2-step=000303"])
    #expect(try workspace.run(["verify", "run"]).output.contains("run/state/stage=2-step=000303: sound"))
    let before = try workspace.contents(of: "run")
    let again = try workspace.run(workspace.arguments() + ["--resume", "auto"])
    #expect(again.status == 0 && again.output.contains("has finished already"))
    #expect(try workspace.contents(of: "run") == before)
    let other = try workspace.run(workspace.arguments(set: ["training.epochs=4"]) + ["--resume", "auto"])
    #expect(other.status == 1 && other.errors.contains("stages.prediction.epochs: was 3, is 4"), "\(other)")
    #expect(other.errors.contains("give --allow-changes to go on from its last state"), "\(other)")
  }

  /// A kill between the summary and the removal of what a finished run does not need.
  @Test func endThatAKillInterruptedIsMadeUpFor() throws {
    let workspace = try Self.workspace()
    _ = try workspace.train(.twoStep)
    let finished = try workspace.contents(of: "run")
    for leftOver in [
      "run/state/2-00000010/state.json", "run/stages/prediction/checkpoints/step=1/model.safetensors",
      "run/.summary.json.tmp-1-a", "run/stages/prediction/.best.tmp-1-b",
    ] {
      try createDirectories("\(workspace.path)/\(leftOver.split(separator: "/").dropLast().joined(separator: "/"))")
      try workspace.write("left over", to: leftOver)
    }
    let again = try workspace.run(workspace.arguments() + ["--resume", "auto"])
    #expect(again.status == 0 && again.output.contains("has finished already"), "\(again)")
    #expect(try workspace.contents(of: "run") == finished)
    #expect(try workspace.states() == ["stage=2-step=000303"])
    #expect(!workspace.exists("run/stages/prediction/checkpoints/step=1"))
  }

  @Test func changesAreRefusedByName() throws {
    let workspace = try Self.workspace()
    let arguments = workspace.arguments(set: Self.long)
    try #require(try Self.stop(workspace, ranks: 1, after: 20, arguments: arguments).status == 75)
    let saved = try workspace.contents(of: "run")
    let text = workspace.text("train_text.txt")
    func expectRefusal(_ cause: String, set overrides: [String] = []) throws {
      let result = try workspace.run(workspace.arguments(set: Self.long + overrides) + ["--resume", "auto"])
      #expect(result.status == 1 && result.errors.contains("\n  \(cause)\n"), "\(result)")
      #expect(try workspace.contents(of: "run") == saved)
    }
    try expectRefusal("stages.prediction.batchSize: was 10, is 12", set: ["stages.prediction.batchSize=12"])
    try expectRefusal("run.seed: was 7, is 8", set: ["run.seed=8"])
    try workspace.write(text + "good\n", to: "train_text.txt")
    try workspace.write(workspace.text("train_labels.txt") + "2\n", to: "train_labels.txt")
    try expectRefusal("the training data")
    try workspace.write(text, to: "train_text.txt")
    try workspace.cut("train_labels.txt", to: workspace.text("train_labels.txt").utf8.count - 2)
    try workspace.spoil("teacher", "bert.encoder.layer.2.output.dense.bias", with: 0.25)
    try expectRefusal("the teacher's weights")
    let allowed = try workspace.run(arguments + ["--resume", "auto", "--allow-changes"])
    #expect(allowed.status == 0 && allowed.output.contains("although the run has changed"), "\(allowed)")
  }

  @Test func whereThingsLieAndHowOftenTheyAreSavedMayChange() throws {
    let workspace = try Self.workspace()
    _ = try workspace.train(.twoStep, set: Self.long)
    let expected = try workspace.resultOfRun()
    try workspace.remove("run")
    let stopped = try Self.stop(workspace, ranks: 1, after: 20, arguments: workspace.arguments(set: Self.long))
    try #require(stopped.status == 75)
    try workspace.write(workspace.text("train_text.txt"), to: "moved.txt")
    let resumed = try workspace.run(
      workspace.arguments(
        set: Self.long + [
          "data.train.text=moved.txt", "run.saveStateEverySteps=7", "run.keepStates=4", "run.logEverySeconds=1",
        ]) + ["--resume", "run/state/last"])
    #expect(resumed.status == 0, "\(resumed)")
    // The model cards name the file.
    #expect(
      try workspace.resultOfRun().filter { !$0.contains("README.md") && !$0.contains("manifest.json") }
        == expected.filter { !$0.contains("README.md") && !$0.contains("manifest.json") })
  }

  @Test func stateOfAnotherRunIsRefused() throws {
    let workspace = try Self.workspace()
    let stopped = try Self.stop(workspace, ranks: 1, after: 20, arguments: workspace.arguments(set: Self.long))
    try #require(stopped.status == 75)
    for path in ["nowhere", "run/stages", "run/state"] {
      let result = try workspace.run(workspace.arguments(set: Self.long) + ["--resume", path])
      #expect(result.status == 1 && result.errors.contains("run.resume: \(path): "), "\(result)")
    }
  }
}

extension TinyWorkspace {
  /// The command line of `twoStep`, or of another configuration.
  func arguments(_ configuration: Configuration = .twoStep, set overrides: [String] = []) -> [String] {
    try? write(configuration.yaml, to: "configuration.yaml")
    return ["--config", "configuration.yaml", "--threads", "1"] + overrides.flatMap { ["--set", $0] }
  }

  func start(ranks: Int, _ arguments: [String]) throws -> StartedProgram {
    ranks == 1
      ? try StartedProgram(BinaryUnderTest.path, arguments, in: path) : try startOnRanks(ranks, arguments)
  }

  /// The states of `run`, oldest first.
  func states() throws -> [String] {
    try entries(of: "\(path)/run/state").filter { $0 != "last" }.sorted()
  }

  /// Lines of steps in `run`'s log.
  var loggedSteps: Int { text("run/metrics.jsonl").occurrences(of: #""event":"step""#) }

  func wait(until isTrue: () -> Bool) throws {
    let start = ContinuousClock.now
    while ContinuousClock.now - start < .seconds(ProgramRun.patience) {
      if isTrue() { return }
      usleep(5_000)
    }
    throw ProgramFailure(description: "the run did not get so far in \(ProgramRun.patience) seconds")
  }

  /// What a run left behind but for times: every file below `stages`, every link, and every line of the log.
  func resultOfRun() throws -> [String] {
    let listing = try ProgramRun.of(
      "/bin/sh",
      [
        "-c",
        "cd run && find . -type f -path './stages/*' | sort | xargs sha256sum; find . -type l -printf '%p %l\\n' | sort; ls -A",
      ],
      in: path)
    let events = try RunRecord.events(in: "\(path)/run").map { $0.withoutTimes.text() }
    return listing.output.split(separator: "\n").map(String.init) + events
  }
}

extension JSON {
  /// What differs from run to run.
  private static let times = [
    "time", "seconds", "sentences_per_second", "tokens_per_second", "exposed_communication", "memory", "slowest_rank",
    "slowest_rank_cost",
  ]

  fileprivate var withoutTimes: JSON {
    switch self {
    case .array(let values): return .array(values.map(\.withoutTimes))
    case .object(let members):
      var kept = JSONObject()
      for (key, value) in members
      where !Self.times.contains(key) {
        kept[key] = value.withoutTimes
      }
      return .object(kept)
    default: return self
    }
  }
}
