import Glibc
import Testing

/// What goes wrong on one rank ends the whole job, soon and with its cause.
@Suite struct RankFailures {
  /// A script that starts the program with something of its own on one rank.
  private static func wrap(_ workspace: TinyWorkspace, _ body: String) throws -> String {
    try workspace.write("#!/bin/sh\n\(body)\n", to: "wrapper.sh")
    chmod("\(workspace.path)/wrapper.sh", 0o755)
    return "\(workspace.path)/wrapper.sh"
  }

  private static let arguments = ["--config", "configuration.yaml", "--threads", "1"]

  @Test(arguments: [1, 2])
  func errorOfOneRankEndsTheJob(rank: Int) throws {
    let workspace = try TinyWorkspace()
    try workspace.write(Configuration.mixStep.yaml, to: "configuration.yaml")
    let wrapper = try Self.wrap(
      workspace,
      """
      test "$OMPI_COMM_WORLD_RANK" = \(rank) && set -- "$@" --set data.train.text=elsewhere.txt
      exec \(BinaryUnderTest.path) "$@"
      """)
    let result = try workspace.runOnRanks(3, Self.arguments, program: wrapper)
    #expect(result.status != 0 && result.seconds < 60, "\(result)")
    let cause = "Error on rank \(rank): elsewhere.txt: cannot be opened: No such file or directory"
    #expect(result.occurrences(of: cause) == 1 && result.occurrences(of: "Error") == 1, "\(result)")
    #expect(!workspace.exists("run"))
  }

  @Test(arguments: [
    ("training.batch_size=3", "training.batch_size: unknown key; did you mean batchSize?"),
    ("teacher.model=nowhere", "nowhere: does not exist"),
    ("data.train.labels=train_text.txt", "train_text.txt:1: label"),
  ])
  func errorOfAllRanksIsToldOnce(override: String, cause: String) throws {
    let workspace = try TinyWorkspace()
    let result = try workspace.attempt(.mixStep, set: [override], ranks: 3)
    #expect(result.status != 0 && result.seconds < 60)
    #expect(result.occurrences(of: cause) == 1 && result.occurrences(of: "Error") == 1, "\(result)")
  }

  @Test func runDirectoryThatIsTakenEndsTheJobAndIsLeftAlone() throws {
    let workspace = try TinyWorkspace()
    _ = try workspace.train(.finetune, ranks: 2)
    let before = try workspace.contents(of: "run")
    let result = try workspace.attempt(.mixStep, ranks: 2)
    #expect(result.status != 0 && result.seconds < 60 && result.occurrences(of: "holds a run already") == 1)
    #expect(try workspace.contents(of: "run") == before)
  }

  @Test func processesThatDoNotMeetAreRefused() throws {
    let workspace = try TinyWorkspace()
    try workspace.write(Configuration.finetune.yaml, to: "configuration.yaml")
    let first = try workspace.run(
      Self.arguments, variables: ["OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"])
    #expect(first.status == 1)
    #expect(
      first.errors.hasPrefix(
        "Error: ranks: expected one job of 2 processes, found 2 processes that do not see each other; does this mpirun "
      ))
    let second = try workspace.run(
      Self.arguments, variables: ["OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"])
    #expect(second.status == 1 && second.output.isEmpty && second.errors.isEmpty)
    #expect(!workspace.exists("run"))
  }

  @Test(
    "a library that is named, but is none of MPI's, is refused before anything is written",
    arguments: [("/nowhere/libmpi.so.40", "No such file"), ("libm.so.6", "found no MPI_Get_library_version in it")])
  func namedLibraryIsChecked(file: String, cause: String) throws {
    let workspace = try TinyWorkspace()
    try workspace.write(Configuration.finetune.yaml, to: "configuration.yaml")
    let run = try workspace.run(
      Self.arguments,
      variables: ["OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0", "DISTILL_DDP_MPI": file])
    #expect(run.status == 1 && run.errors.hasPrefix("Error: MPI: DISTILL_DDP_MPI: expected Open MPI's or MPICH's"))
    #expect(run.errors.contains(cause), "\(run)")
    #expect(!workspace.exists("run"))
    // Alone, nothing needs it.
    let alone = try workspace.run(["doctor"], variables: ["DISTILL_DDP_MPI": file])
    #expect(alone.output.contains("warning  MPI") && alone.output.contains("DISTILL_DDP_MPI"), "\(alone)")
  }

  @Test func killedRankEndsTheJobAndLeavesWhatWasSaved() throws {
    let workspace = try TinyWorkspace()
    try workspace.write(Configuration.finetune.yaml, to: "configuration.yaml")
    let wrapper = try Self.wrap(
      workspace, "echo $$ > pid.$OMPI_COMM_WORLD_RANK\nexec \(BinaryUnderTest.path) \"$@\"")
    let job = try workspace.startOnRanks(
      2, Self.arguments + ["--set", "training.epochs=100000", "--quiet"], program: wrapper)
    try workspace.wait { workspace.exists("run/stages/finetune/best") && workspace.exists("pid.1") }
    let process = try #require(pid_t(workspace.text("pid.1").dropLast()))
    #expect(kill(process, SIGKILL) == 0)
    let result = try job.wait()
    #expect(result.status != 0, "\(result)")
    #expect(!workspace.exists("run/summary.json"))
    let saved = try workspace.run([
      "evaluate", "--model", "run/stages/finetune/best", "--data", "val_text.txt", "val_labels.txt",
    ])
    #expect(saved.status == 0, "\(saved)")
    // Each line of the metrics is whole, though nobody had time to close the file.
    #expect(try RunRecord.events(in: "\(workspace.path)/run").count > 10)
  }

  @Test(arguments: [0, 1, 2])
  func stoppedRankIsNamedAndEndsTheJob(stopped: Int) throws {
    let workspace = try TinyWorkspace()
    try workspace.write(Configuration.finetune.yaml, to: "configuration.yaml")
    let wrapper = try Self.wrap(
      workspace, "echo $$ > pid.$OMPI_COMM_WORLD_RANK\nexec \(BinaryUnderTest.path) \"$@\"")
    let job = try workspace.startOnRanks(
      3,
      Self.arguments + [
        "--set", "training.epochs=100000", "--quiet", "--set", "run.stuckRank={warnAfter: 4, abortAfter: 6}",
      ], program: wrapper)
    try workspace.wait { workspace.exists("run/stages/finetune/best") && workspace.exists("pid.\(stopped)") }
    let process = try #require(pid_t(workspace.text("pid.\(stopped)").dropLast()))
    #expect(kill(process, SIGSTOP) == 0)
    let result = try job.wait()
    kill(process, SIGKILL)
    #expect(result.status == 1, "\(result)")
    for start in ["Warning: ", "Error"] {
      let told = result.errors.split(separator: "\n").filter { $0.hasPrefix(start) }
      // The ranks that wait for a rank that waits itself do not blame it.
      #expect(!told.isEmpty && told.allSatisfy { $0.contains("rank \(stopped): expected a message to") }, "\(result)")
    }
  }

  @Test(arguments: [0, 1])
  func rankThatNeverStartsIsNamedAndEndsTheJob(stopped: Int) throws {
    let workspace = try TinyWorkspace()
    try workspace.write(Configuration.finetune.yaml, to: "configuration.yaml")
    let wrapper = try Self.wrap(
      workspace,
      """
      test "$OMPI_COMM_WORLD_RANK" = \(stopped) && kill -STOP $$
      exec \(BinaryUnderTest.path) "$@"
      """)
    let result = try workspace.runOnRanks(
      2, Self.arguments + ["--set", "run.stuckRank.startWithin=2"], program: wrapper)
    #expect(result.status == 1, "\(result)")
    let cause = "MPI: MPI_Init: expected all ranks within 2.0 seconds (run.stuckRank.startWithin), found stopped "
    #expect(result.occurrences(of: cause + "rank \(stopped) (process ") == 1, "\(result)")
    #expect(!workspace.exists("run"))
  }

  @Test func slowRankIsWaitedFor() throws {
    let workspace = try TinyWorkspace()
    try workspace.write(Configuration.finetune.yaml, to: "configuration.yaml")
    let wrapper = try Self.wrap(
      workspace, "echo $$ > pid.$OMPI_COMM_WORLD_RANK\nexec \(BinaryUnderTest.path) \"$@\"")
    let job = try workspace.startOnRanks(
      2,
      Self.arguments + [
        "--set", "training.maxSteps=1000000", "--quiet", "--set", "run.stuckRank={warnAfter: 3, abortAfter: 600}",
      ], program: wrapper)
    try workspace.wait { workspace.exists("run/stages/finetune/best") && workspace.exists("pid.1") }
    let process = try #require(pid_t(workspace.text("pid.1").dropLast()))
    #expect(kill(process, SIGSTOP) == 0)
    let warning = "Warning: rank 1: expected a message to rank 0"
    try workspace.wait { job.hasPrinted(warning) }
    let steps = workspace.loggedSteps
    #expect(kill(process, SIGCONT) == 0)
    try workspace.wait { workspace.loggedSteps > steps + 10 }
    job.signal(SIGUSR1)
    let result = try job.wait()
    #expect(result.status == 75, "\(result)")
    #expect(result.occurrences(of: warning) == 1, "\(result)")
  }
}
