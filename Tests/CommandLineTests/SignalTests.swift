import Glibc
import Testing

/// Signals stop a run at a step, with its state saved.
@Suite struct Signals {
  @Test(arguments: [
    (SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGUSR1, "SIGUSR1"), (SIGUSR2, "SIGUSR2"), (SIGHUP, "SIGHUP"),
  ])
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
    if ranks > 1 {
      // What `top` and `pgrep` show.
      for rank in job.children { #expect(bytes(of: "/proc/\(rank)/comm") == Array("distill-ddp\n".utf8)) }
    }
    send(job)
    let result = try job.wait()
    #expect(result.status == 75, "\(result)")
    // By rank 0 where it got the signal itself.
    let said = result.occurrences(of: "Stopping after this step, with the state saved; again to quit now\n")
    #expect(ranks == 1 ? said == 1 : said <= 1, "\(result)")
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
    // Rank 0 waits for one that begins when it is told to.
    try workspace.write(
      """
      if test "$OMPI_COMM_WORLD_RANK" = 1; then until test -e go; do sleep 0.01; done; fi
      exec \(BinaryUnderTest.path) "$@"
      """, to: "late.sh")
    let arguments = workspace.arguments(set: Resuming.long)
    let job = try workspace.startOnRanks(2, ["late.sh"] + arguments, program: "/bin/sh")
    try workspace.wait { job.children.count == 2 && Self.catches(SIGTERM, job.children[0]) }
    kill(job.children[0], SIGTERM)
    try workspace.wait { job.hasPrinted("Stopping when loading is done; again to quit now") }
    try workspace.write("", to: "go")
    let result = try job.wait()
    #expect(result.status == 75, "\(result)")
    #expect(result.errors.contains("nothing was saved yet; give the same command to begin again"), "\(result)")
    #expect(!result.errors.contains("state/last"), "\(result)")
    #expect(try workspace.run(arguments + ["--set", "run.overwrite=true"]).status == 0)
  }

  /// As `nohup` starts a program.
  @Test func hangupThatIsIgnoredStaysSo() throws {
    let workspace = try Resuming.workspace()
    let job = try workspace.startInShell(
      #"trap "" HUP; exec "$0" "$@""#, workspace.arguments(set: Resuming.long + ["training.maxSteps=1000000"]))
    try workspace.wait { workspace.loggedSteps >= 5 }
    job.signal(SIGHUP)
    let seen = workspace.loggedSteps
    try workspace.wait { workspace.loggedSteps >= seen + 5 }
    job.signal(SIGTERM)
    let result = try job.wait()
    #expect(result.status == 75 && result.errors.contains("Stopped by SIGTERM"), "\(result)")
  }

  /// Whether a process has a handler for a signal.
  private static func catches(_ number: Int32, _ process: pid_t) -> Bool {
    let status = String(decoding: bytes(of: "/proc/\(process)/status") ?? [], as: UTF8.self)
    let mask = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.dropFirst(7).filter { $0.isHexDigit }
    return mask.flatMap { UInt64($0, radix: 16) }.map { $0 >> UInt64(number - 1) & 1 == 1 } ?? false
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
