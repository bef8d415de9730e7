import Checkpoints
import JSON
import Testing

@Suite("plan")
struct PlanCommandTests {
  private let workspace: TinyWorkspace

  init() throws {
    workspace = try TinyWorkspace()
    try workspace.write(Configuration.twoStep.yaml, to: "c.yaml")
  }

  private func plan(_ options: [String] = []) throws -> JSON {
    let text = try workspace.output(
      ["plan", "--config", "c.yaml", "--gflops", "50", "--threads", "1", "--json"] + options)
    return try #require(try jsonLines(text).first)
  }

  @Test("counts are those of the run, found without weights")
  func agreesWithTheRun() throws {
    let run = try workspace.train(.twoStep)
    try removeTree("\(workspace.path)/run")
    for model in ["teacher", "student"] { try removeTree("\(workspace.path)/\(model)/model.safetensors") }
    let plan = try plan()
    let started = run.events("run_started")[0]
    #expect(plan["teacher_parameters"] == started["teacher_parameters"])
    #expect(plan["student_parameters"] == started["student_parameters"])
    #expect(plan["train"]?["rows"] == started["train_rows"])
    let tokens = run.events("step", stage: "intermediate").filter { $0["epoch"] == 1 }.reduce(0) {
      $0 + $1.number("tokens")
    }
    #expect(plan["train"]?["tokens"]?.double == tokens)
    for (stage, started) in zip(plan["stages"]?.array ?? [], run.events("stage_started")) {
      for key in ["trained_parameters", "steps"] { #expect(stage[key] == started[key], "\(key)") }
    }
    #expect(!workspace.exists("run"))
  }

  @Test("a checkpoint is as large as planned")
  func disk() throws {
    let disk = try #require(try plan()["disk"])
    let run = try workspace.train(.twoStep)
    let numbers = try run.weights().values.reduce(0) { $0 + $1.count }
    #expect(disk["checkpoint"]?.int == 4 * numbers)
  }

  @Test("a table for people, with a line for each number of ranks")
  func table() throws {
    let text = try workspace.output(["plan", "--config", "c.yaml", "--gflops", "50", "--ranks", "1,2,64"])
    for part in [
      "teacher", "student", "intermediate", "prediction", "each checkpoint", "64 ranks on 64 hosts", "GFLOP/s a core",
    ] {
      #expect(text.contains(part), "\(part): \(text)")
    }
  }

  @Test("a sweep is planned run by run, and together")
  func sweep() throws {
    let sweep =
      Configuration.mixStep.yaml + "\nsweep: {grid: {training.epochs: [1, 3]}, seeds: [1, 2]}\n"
    try workspace.write(sweep, to: "s.yaml")
    try workspace.write(Configuration.mixStep.yaml, to: "c.yaml")
    let planned = try workspace.output(
      ["plan", "--config", "s.yaml", "--gflops", "50", "--threads", "1", "--ranks", "1,4", "--json"])
    let whole = try #require(try jsonLines(planned).first)
    let runs = try #require(whole["runs"]?.array)
    let single = try [(1, 1), (1, 2), (3, 1), (3, 2)].map { epochs, seed in
      try plan(["--set", "training.epochs=\(epochs)", "--set", "run.seed=\(seed)", "--ranks", "1,4"])
    }
    #expect(runs.map { $0["run"]?.string ?? "" }.allSatisfy { $0.contains("epochs=") && $0.contains("seed=") })
    #expect(runs.count == 4)
    for (index, run) in runs.enumerated() {
      for key in ["teacher_parameters", "stages", "jobs", "disk"] { #expect(run[key] == single[index][key], "\(key)") }
    }
    let seconds = runs.compactMap { $0["jobs"]?.array?[0]["seconds"]?.double }
    #expect(whole["jobs"]?.array?[0]["seconds"]?.double == seconds.reduce(0, +) && seconds.count == 4)
    let kept = runs.compactMap { $0["disk"]?["kept"]?.int }
    #expect(whole["disk"]?["kept"]?.int == kept.reduce(0, +))
    let hosts = runs.compactMap { $0["jobs"]?.array?[1]["memory"]?["host"]?.int }
    #expect(whole["jobs"]?.array?[1]["memory_of_host"]?.int == hosts.max() && hosts.count == 4)
    let text = try workspace.output(["plan", "--config", "s.yaml", "--gflops", "50", "--ranks", "1,4"])
    for part in ["4 runs in run", "all runs", "The first run, ", "4 ranks on 4 hosts"] {
      #expect(text.contains(part), "\(text)")
    }
  }

  @Test("steps are those of the stage, and of an epoch")
  func steps() throws {
    let text = try workspace.output(["plan", "--config", "c.yaml", "--gflops", "50", "--ranks", "1"])
    let total = try #require(plan()["stages"]?.array?[0]["steps"]?.int)
    let lines = text.split(separator: "\n").map { $0.split { $0 == " " }.map(String.init) }
    let row = try #require(lines.first { $0.first == "intermediate" })
    #expect(text.contains("steps/epoch") && row[3] == "\(total)" && row[4] == "\(total / 3)", "\(text)")
  }

  @Test("without data it says what to give, and takes it")
  func withoutData() throws {
    try removeTree("\(workspace.path)/train_text.txt")
    let run = try workspace.run(["plan", "--config", "c.yaml", "--gflops", "50"])
    #expect(run.status == 1 && run.errors.contains("train_text.txt") && run.errors.contains("--rows"), "\(run)")
    let assumed = try plan(["--rows", "1000", "--mean-length", "12"])
    #expect(assumed["train"]?["counted"] == false && assumed["train"]?["tokens"]?.double == 12_000)
  }

  @Test(
    "options that make no sense are refused",
    arguments: [
      ["--ranks", "0"], ["--ranks", "1,,2"], ["--link", "0"], ["--gflops", "-1"], ["--rows", "5"],
      ["--per-host", "0"], ["--ranks", "99999999999999999999"],
    ])
  func options(arguments: [String]) throws {
    let run = try workspace.run(["plan", "--config", "c.yaml"] + arguments)
    #expect(run.status != 0 && run.errors.contains(arguments[0]), "\(run)")
  }
}
