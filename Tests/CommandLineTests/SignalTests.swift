import Glibc
import Testing

/// Signals stop a run at a step, with its state saved.
@Suite struct Signals {
  @Test(arguments: [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGUSR1, "SIGUSR1"), (SIGUSR2, "SIGUSR2")])
  func eachStopsOneProcess(signal: Int32, name: String) throws {
    try stopAndResume(ranks: 1, named: name) { $0.signal(signal) }
  }

  @Test(arguments: [(0, SIGTERM, "SIGTERM"), (1, SIGUSR1, "SIGUSR1")])
  func oneRankStopsAll(rank: Int, signal: Int32, name: String) throws {
    try stopAndResume(ranks: 2, named: name) { job in
      let ranks = job.children
      #expect(ranks.count == 2)
      kill(ranks[min(rank, ranks.count - 1)], signal)
    }
  }

  @Test func launcherPassesItOn() throws {
    try stopAndResume(ranks: 2, named: "SIGUSR1") { $0.signal(SIGUSR1) }
  }

  private func stopAndResume(ranks: Int, named name: String, _ send: (StartedProgram) -> Void) throws {
    let workspace = try Resuming.workspace()
    _ = try workspace.train(.twoStep, set: Resuming.long, ranks: ranks)
    let expected = try workspace.resultOfRun()
    try workspace.remove("run")
    let arguments = workspace.arguments(set: Resuming.long)
    let job = try workspace.start(ranks: ranks, arguments)
    try workspace.wait { workspace.loggedSteps >= 50 }
    send(job)
    let result = try job.wait()
    #expect(result.status == 75, "\(result)")
    #expect(
      result.occurrences(
        of: "Stopped by \(name), status 75: give the same command with --resume auto to go on from run/state/last") == 1
    )
    #expect(!workspace.exists("run/summary.json"))
    let verified = try workspace.run(["verify", "run/state/last"])
    #expect(verified.status == 0 && verified.output == "run/state/last: sound\n")
    let resumed = try workspace.start(ranks: ranks, arguments + ["--resume", "auto"]).wait()
    #expect(resumed.status == 0, "\(resumed)")
    #expect(try workspace.resultOfRun() == expected)
  }

  @Test func signalWhileLoadingLosesNothing() throws {
    let workspace = try Resuming.workspace()
    let arguments = workspace.arguments(set: Resuming.long) + ["--resume", "auto"]
    // `exec` keeps the process, so that the signal is pending before the program asks for it.
    let result = try ProgramRun.of(
      "/bin/sh", ["-c", #"(sleep 0.02; kill -TERM $$) & exec "$0" "$@""#, BinaryUnderTest.path] + arguments,
      in: workspace.path)
    // By chance of timing, the handler may not have been there yet.
    #expect(result.status == 75 || result.signal == SIGTERM, "\(result)")
    #expect(try workspace.run(arguments).status == 0)
  }

  @Test func secondSignalEndsTheJobAtOnce() throws {
    let workspace = try Resuming.workspace()
    let job = try workspace.start(ranks: 2, workspace.arguments(set: Resuming.long + ["training.maxSteps=1000000"]))
    try workspace.wait { workspace.loggedSteps >= 5 }
    let ranks = job.children
    try #require(ranks.count == 2)
    // A stopped rank keeps the other one in its step.
    kill(ranks[1], SIGSTOP)
    kill(ranks[0], SIGTERM)
    // On a busy machine the first may be noticed late, and what comes within half a second is taken for the same.
    for _ in 0..<5 {
      usleep(800_000)
      guard kill(ranks[0], SIGTERM) == 0 else { break }
    }
    let result = try job.wait()
    kill(ranks[1], SIGKILL)
    #expect(result.status == 128 + SIGTERM, "\(result)")
  }
}
