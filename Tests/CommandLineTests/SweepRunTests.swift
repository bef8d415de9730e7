import Glibc
import JSON
import Testing

/// Many runs from one configuration.
@Suite struct SweepRuns {
  private static let section = """
    sweep:
      variants:
        attention: {stages.mix.adaptors: [AttnMiniLM, LogitMSE]}
        logits: {stages.mix.adaptors: [LogitMSE]}
      seeds: [1, 2]
    """

  private static let names = ["attention_seed=1", "attention_seed=2", "logits_seed=1", "logits_seed=2"]

  private static func workspace(_ section: String = section, trainRows: Int = 103) throws -> TinyWorkspace {
    let workspace = try TinyWorkspace(trainRows: trainRows)
    try workspace.write("\(Configuration.mixStep.yaml)\(section)\n", to: "configuration.yaml")
    return workspace
  }

  private static func start(
    _ workspace: TinyWorkspace, ranks: Int, _ options: [String] = []
  ) throws -> StartedProgram {
    try workspace.start(ranks: ranks, ["--config", "configuration.yaml", "--threads", "1"] + options)
  }

  @Test(arguments: [1, 2])
  func everyRunIsTheRunAlone(ranks: Int) throws {
    let workspace = try Self.workspace()
    let result = try Self.start(workspace, ranks: ranks).wait()
    #expect(result.status == 0, "\(result)")
    for (index, name) in Self.names.enumerated() {
      #expect(result.output.contains("Run \(index + 1) of 4: \(name)\n"))
      #expect(workspace.exists("run/\(name)/summary.json"))
    }
    // The table, in which seeds are one row.
    let table = result.output.split(separator: "\n").suffix(4)
    #expect(
      table.last?.hasPrefix("| run/logits_seed={1,2} ") == true && table.last?.contains(" ± ") == true, "\(table)")
    // What a sweep's run leaves is what its configuration gives alone.
    let name = Self.names[3]
    let before = try RunRecord("run/\(name)", in: workspace).losses
    _ = try workspace.start(
      ranks: ranks,
      ["--config", "run/\(name)/config.yaml", "--threads", "1", "--set", "run.directory=alone"]
    ).wait()
    #expect(try RunRecord("alone", in: workspace).losses == before)
  }

  @Test(arguments: [1, 2])
  func interruptedSweepsGoOn(ranks: Int) throws {
    let workspace = try Self.workspace("sweep: {seeds: [1, 2, 3]}", trainRows: 403)
    // Long enough for a signal to find the run it is meant for.
    let long = ["--set", "training={batchSize: 10, maxSteps: 400, learningRate: 2.0e-3, validateEverySteps: 100}"]
    let whole = try Self.start(workspace, ranks: ranks, long + ["--set", "run.directory=whole"]).wait()
    try #require(whole.status == 0, "\(whole)")
    let job = try Self.start(workspace, ranks: ranks, long)
    try workspace.wait {
      workspace.text("run/seed=2/metrics.jsonl").occurrences(of: #""event":"step""#) >= 10
    }
    job.signal(SIGUSR1)
    let stopped = try job.wait()
    #expect(stopped.status == 75, "\(stopped)")
    #expect(stopped.errors.contains("--resume auto to go on from run/seed=2/state/last"), "\(stopped)")
    #expect(!workspace.exists("run/seed=3"))
    let first = try workspace.contents(of: "run/seed=1")

    let again = try Self.start(workspace, ranks: ranks, long).wait()
    #expect(again.status == 1 && again.occurrences(of: "holds 2 of the 3 runs already (seed=1)") == 1, "\(again)")

    let resumed = try Self.start(workspace, ranks: ranks, long + ["--resume", "auto"]).wait()
    #expect(resumed.status == 0, "\(resumed)")
    #expect(resumed.output.contains("run/seed=1: the run has finished already"))
    #expect(try workspace.contents(of: "run/seed=1") == first)
    for seed in 1...3 {
      let losses = try RunRecord("run/seed=\(seed)", in: workspace).losses
      #expect(try losses == RunRecord("whole/seed=\(seed)", in: workspace).losses, "\(seed)")
    }
  }

  /// A run that diverges, and one whose model does not fit, cost no others.
  @Test(arguments: [1, 2])
  func failedRunsAreLeftBehind(ranks: Int) throws {
    let workspace = try Self.workspace(
      """
      sweep:
        variants:
          diverging:
            training: {learningRate: 1000, optimizer: {kind: sgd}, maxGradientNorm: null, schedule: {warmup: 0}}
          deeper: {student.fromTeacher.layers: [2, 9]}
          good: {}
      """)
    let result = try Self.start(workspace, ranks: ranks, ["--resume", "auto"]).wait()
    #expect(result.status == 1, "\(result)")
    #expect(result.occurrences(of: "Error: run/diverging: stage mix, step ") == 1, "\(result)")
    #expect(result.occurrences(of: "Error: run/deeper: ") == 1, "\(result)")
    #expect(result.errors.contains("Error: 2 of 3 runs failed: diverging, deeper; --resume auto tries them again"))
    #expect(workspace.exists("run/good/summary.json") && !workspace.exists("run/diverging/summary.json"))
    #expect(result.output.contains("| run/good "))
  }

  @Test func eventsAreJSONLines() throws {
    let workspace = try Self.workspace("sweep: {seeds: [1, 2], grid: {student.fromTeacher.layers: [[2], [9]]}}")
    let result = try Self.start(workspace, ranks: 1, ["--json"]).wait()
    let events = try jsonLines(result.output)
    #expect(result.status == 1)
    #expect(events.filter { $0["event"] == "run_finished" }.count == 2)
    #expect(
      events.compactMap { $0["event"] == "run_failed" ? $0["directory"]?.string : nil } == [
        "run/layers=9_seed=1", "run/layers=9_seed=2",
      ])
    let last = try #require(events.last)
    #expect(last["event"] == "sweep_finished" && last["failed"]?.strings == ["layers=9_seed=1", "layers=9_seed=2"])
    #expect(last["runs"]?.array?.first?["n"] == 2)
  }

  @Test func validateReadsEveryRun() throws {
    let workspace = try Self.workspace()
    let sound = try workspace.run(["validate", "--config", "configuration.yaml"])
    #expect(sound.status == 0, "\(sound)")
    for name in Self.names { #expect(sound.output.contains("run/\(name)\n")) }
    let wrong = try workspace.run(
      ["validate", "--config", "configuration.yaml", "--set", "sweep.grid.student.fromTeacher.layers=[[2, 4], [9]]"])
    #expect(wrong.status == 1 && wrong.errors.contains("run/attention_layers=9_seed=1: "), "\(wrong)")
    #expect(!workspace.exists("run"))
  }
}
