import Checkpoints
import Glibc
import JSON
import Testing

/// What one process works on, another one leaves alone.
@Suite("what another process has")
struct OccupiedTests {
  @Test("a second run in a run's directory is refused, however it is asked for, until the first is gone")
  func runDirectory() throws {
    let workspace = try Resuming.workspace()
    let arguments = workspace.arguments(set: Resuming.long + ["training.maxSteps=1000000"])
    let job = try workspace.start(ranks: 1, arguments)
    try workspace.wait { workspace.loggedSteps >= 5 }
    for options in [["--resume", "auto"], ["--set", "run.overwrite=true"], []] {
      let second = try workspace.run(arguments + options)
      #expect(second.status == 1, "\(second)")
      #expect(second.errors.contains("run.directory: run: in use by process "), "\(second)")
      #expect(second.errors.contains(" UTC; wait for its end, or choose another directory\n"), "\(second)")
    }
    let validated = try workspace.run(["validate", "--config", "configuration.yaml", "--resume", "auto"])
    #expect(
      validated.status == 1 && validated.errors.contains("run.directory: run: in use by process "), "\(validated)")
    #expect(job.hasPrinted("in use") == false)
    job.signal(SIGKILL)
    _ = try job.wait()
    // No line of the others is between those of the first.
    let events = try workspace.text("run/metrics.jsonl").split(separator: "\n").dropLast()
      .map { try JSON.parse(Array($0.utf8)) }
    let steps = events.filter { $0["event"] == "step" }.compactMap { $0["step"]?.int }
    #expect(steps == Array(1...steps.count))
    #expect(events.count { $0["event"] == "run_started" } == 1)
    let resumed = try workspace.run(workspace.arguments(set: Resuming.long) + ["--resume", "auto", "--allow-changes"])
    #expect(resumed.status == 0, "\(resumed)")
    #expect(!workspace.exists("run/.lock"))
  }

  @Test(
    "a second command on the same output is refused before it works",
    arguments: [
      ("out.jsonl", ["predict", "--model", "teacher", "--input", "val_text.txt", "--output", "out.jsonl"]),
      (
        "out.safetensors", ["features", "--model", "teacher", "--input", "val_text.txt", "--output", "out.safetensors"]
      ),
      ("c.yaml", ["config", "init", "finetune", "--output", "c.yaml"]),
    ])
  func output(name: String, arguments: [String]) throws {
    let workspace = try TinyWorkspace(trainRows: 1, validationRows: 3)
    let lock = try #require(try FileLock.attempt("\(workspace.path)/.\(name).lock"))
    let run = try workspace.run(arguments)
    #expect(run.status == 1 && !workspace.exists(name), "\(run)")
    #expect(run.errors.contains("\(name): in use by process \(getpid()) on "), "\(run)")
    withExtendedLifetime(lock) {}
  }

  @Test("a cache that a run uses is not cleared")
  func cache() throws {
    let workspace = try TinyWorkspace(trainRows: 1, validationRows: 1)
    try createDirectories("\(workspace.path)/cache")
    do {
      let lock = try #require(try FileLock.attempt("\(workspace.path)/cache/.lock", sharing: .shared))
      let run = try workspace.run(["cache", "clear", "cache"])
      #expect(run.status == 1 && run.errors.contains("cache: in use by process \(getpid()) on "), "\(run)")
      withExtendedLifetime(lock) {}
    }
    #expect(try workspace.run(["cache", "clear", "cache"]).status == 0)
  }
}
