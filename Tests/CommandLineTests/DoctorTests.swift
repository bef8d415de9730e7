import JSON
import Testing

@Suite("doctor")
struct DoctorTests {
  private let workspace: TinyWorkspace

  init() throws {
    workspace = try TinyWorkspace()
    try workspace.write(Configuration.mixStep.yaml, to: "c.yaml")
  }

  private func findings(_ run: ProgramRun) throws -> [String: JSON] {
    let json = try #require(try jsonLines(run.output).first)
    let findings = json["findings"]?.array ?? []
    #expect(
      json["ok"]?.bool == !findings.contains { $0["status"] == "problem" } && (run.status == 0) == (json["ok"] == true))
    for finding in findings where finding["status"] != "ok" { #expect(finding["remedy"]?.string != nil, "\(finding)") }
    return Dictionary(findings.map { ($0["check"]?.string ?? "", $0) }) { first, _ in first }
  }

  @Test("one process, with a configuration")
  func alone() throws {
    let run = try workspace.run(["doctor", "--config", "c.yaml", "--json"])
    #expect(run.status == 0, "\(run)")
    let findings = try findings(run)
    for check in ["MPI", "SIMD", "matrix product", "memory", "disk", "products"] {
      #expect(findings[check] != nil, "\(check): \(run)")
    }
    #expect(findings["MPI"]?["finding"]?.string?.contains("Open MPI v") == true, "\(run)")
    #expect(findings["sums"] == nil && findings["/dev/shm"] == nil)
    #expect(!workspace.exists("run"))
  }

  @Test("two ranks, each bound to a core by mpirun's own choice or not")
  func underMpirun() throws {
    let run = try workspace.runOnRanks(2, ["doctor", "--config", "c.yaml", "--json"])
    #expect(run.status == 0, "\(run)")
    let findings = try findings(run)
    #expect(findings["MPI"]?["finding"]?.string?.contains("2 ranks on 1 host by mpirun") == true, "\(run)")
    #expect(findings["sums"]?["finding"]?.string?.contains(" µs for a number") == true, "\(run)")
    #expect(findings["/dev/shm"] != nil && findings["binding"] == nil)
    // A core each, whatever the machine has: one rank of several threads must share it.
    let bound = try workspace.startOnRanks(
      1, ["doctor", "--config", "c.yaml", "--threads", "2"], options: ["--bind-to", "core"]
    ).wait()
    #expect(bound.status == 0 && bound.output.contains("take turns on 1 CPU"), "\(bound)")
  }

  @Test("an error in the configuration is a problem, and so is a disk that cannot be written to")
  func problems() throws {
    let unknown = try workspace.run(["doctor", "--config", "c.yaml", "--set", "training.batchsize=3"])
    #expect(unknown.status == 1 && unknown.output.contains("problem  configuration"), "\(unknown)")
    let disk = try workspace.run(["doctor", "--config", "c.yaml", "--set", "run.directory=/proc/none", "--json"])
    #expect(disk.status == 1, "\(disk)")
    #expect(try findings(disk)["disk"]?["status"] == "problem")
  }

  @Test("a sweep is checked for all its runs, and so are the other commands that read a configuration")
  func sweep() throws {
    try workspace.write(Configuration.mixStep.yaml + "\nsweep: {seeds: [1, 2, 3]}\n", to: "s.yaml")
    let run = try workspace.run(["doctor", "--config", "s.yaml", "--json"])
    #expect(run.status == 0, "\(run)")
    #expect(try findings(run)["disk"]?["finding"]?.string?.contains("run: the 3 runs write up to ") == true, "\(run)")
    let shown = try workspace.output(["config", "show", "--config", "s.yaml"])
    #expect(shown.occurrences(of: "\n---\n") == 2 && shown.contains("run/seed=2"), "\(shown)")
    let validated = try workspace.output(["validate", "--config", "s.yaml"])
    #expect(validated.contains("3 runs, of which this is the first"), "\(validated)")
  }

  @Test("ranks that do not meet are a problem with a remedy, told once")
  func ranksThatDoNotMeet() throws {
    // What two processes see that another MPI's mpirun has started.
    let run = try workspace.run(["doctor"], variables: ["SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0"])
    #expect(run.status == 1 && run.output.contains("problem  MPI  ranks: "), "\(run)")
    #expect(run.output.contains("→ srun --mpi=pmix"), "\(run)")
  }
}
