import ArgumentParser
import Checkpoints
import Collectives
import Glibc
import Hub
import JSON
import Kernels
import MPICollectives
import Training

/// `distill-ddp doctor`: whether a run would have what it needs here.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check MPI, cores, memory, disk and speed before a run.",
    discussion: """
      Start it as the run will be started. Takes a few seconds; writes nothing. Status 1 says that a run would fail.

        distill-ddp doctor --config configs/finetune.yaml
        mpirun -np 4 distill-ddp doctor --config configs/distillation_ts.yaml
      """)

  @Option(help: "The run's configuration, a YAML file, to check memory and disk for.")
  var config: String?

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Override a key, as in training.batchSize=64; may be repeated.", valueName: "key=value"))
  var overrides: [String] = []

  @Option(help: "Worker threads of each rank (default: as for a run).")
  var threads: Int?

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(name: .customLong("start-mpi"), help: .private)
  var startsMPI = false

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads: expected 1 or more, found \(threads)") }
    if !overrides.isEmpty && config == nil { throw ValidationError("--set: expected --config beside it, found none") }
  }

  func run() throws {
    if startsMPI { return try MPILibrary.startAlone(in: LaunchEnvironment(variables: environmentVariables())) }
    let sweep = Result { try config.flatMap { try Sweep(path: $0, overrides: overrides) } }
    let configuration = Result {
      try sweep.get()?.runs.first?.configuration ?? config.map { try RunConfiguration(path: $0, overrides: overrides) }
    }
    let settings = (try? configuration.get())?.run
    do {
      let environment = try LaunchEnvironment(variables: environmentVariables())
      let isWell = try onEveryRank(threads: threads ?? settings?.threads) { places in
        try examine(configuration, (try? sweep.get()) ?? nil, places, environment)
      }
      if !isWell { throw ExitCode.failure }
    } catch  where error is LaunchError || error is MPIError {
      // Every rank believes to be the only one; the first speaks.
      let rank = (try? LaunchEnvironment(variables: environmentVariables()))?.rank ?? 0
      if rank == 0 { show([Self.finding(error)], ranks: []) }
      throw ExitCode.failure
    }
  }

  private static func finding(_ error: any Error) -> Finding {
    let parts = "\(error)".split(separator: "; ", maxSplits: 1).map(String.init)
    return Finding("MPI", .problem, parts[0], remedy: parts.count > 1 ? parts[1] : "")
  }

  // MARK: The examination

  /// Collective.
  ///
  /// - Returns: on every rank, whether there is no problem.
  private func examine(
    _ configuration: Result<RunConfiguration?, any Error>, _ sweep: Sweep?, _ places: Places,
    _ environment: LaunchEnvironment
  ) throws -> Bool {
    let root = places.ranks.rank == 0
    try RankAgreement.require(
      RunIdentity(
        command: "doctor",
        options: [("the configuration", (try? configuration.get()?.resolvedYAML()) ?? "none")]),
      among: places.ranks)
    var facts = RankFacts(
      rank: places.ranks.rank, threads: places.pool.workers,
      sharedMemory: freeDiskSpace(at: "/dev/shm/.").flatMap { access("/dev/shm", W_OK) == 0 ? $0.bytes : nil })
    // Every rank reads it, as every rank of a run would.
    let threads = places.pool.workers
    let plan = Result {
      try configuration.get().map { configuration in
        let hub = try Hub.ofEnvironment(isShown: false)
        return try sweep.map { try JobPlan($0, threads: threads, hub: hub) }
          ?? JobPlan(configuration, threads: threads, hub: hub)
      }
    }
    let known = (try? plan.get()) ?? nil
    try places.ranks.barrier()
    facts.add(
      known.map { ProductRate.measure($0.first, seconds: 1, pool: places.pool, places: places.count) }
        ?? ProductRate.measure(seconds: 1, pool: places.pool))
    let bytes = known?.first.stages.map { Int(4 * $0.gradientValues) }.max() ?? 32_000_000
    let sums =
      places.ranks.size > 1
      ? try SumRate.measure(bytes: min(bytes, 256 << 20), seconds: 1, ranks: places.ranks) : nil
    let all = try facts.gathered(among: places.ranks)
    var isWell: [UInt8] = [1]
    if let all, root {
      let findings = self.findings(all, plan, environment, sums)
      show(findings, ranks: all)
      isWell = [findings.contains { $0.status == .problem } ? 0 : 1]
    }
    try places.ranks.broadcast(&isWell, from: 0)
    return isWell == [1]
  }

  private func findings(
    _ ranks: [RankFacts], _ plan: Result<JobPlan?, any Error>, _ environment: LaunchEnvironment, _ sums: SumRate?
  ) -> [Finding] {
    let examination = Examination(ranks, launcher: environment.launcher)
    var findings = [mpi(ranks, examination, environment)] + examination.cores
    findings += ProcessorFindings.all
    var known: JobPlan?
    do {
      known = try plan.get()
    } catch {
      findings.append(
        Finding("configuration", .problem, "\(error)", remedy: "distill-ddp validate --config \(config ?? "FILE")"))
    }
    let threads = ranks.map(\.threads).max() ?? 1
    if let known {
      findings.append(
        examination.memory { known.memoryOfHost(ranks: ranks.count, threads: threads, perHost: $0) })
      findings += DiskFindings(plan: known).all
    }
    if let finding = examination.sharedMemory { findings.append(finding) }
    findings.append(examination.products)
    if let sums {
      let speeds = Speeds(
        frozenProducts: Self.mean(ranks.flatMap(\.frozenRates)),
        trainedProducts: Self.mean(ranks.flatMap(\.trainedRates)),
        link: sums.bandwidth)
      let job = JobShape(ranks: ranks.count, threads: threads, perHost: examination.ranksOfHost)
      findings.append(examination.sums(sums, step: known.flatMap { $0.first.slackOfStep(job, speeds) }))
    }
    return findings
  }

  private static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }

  private func mpi(
    _ ranks: [RankFacts], _ examination: Examination, _ environment: LaunchEnvironment
  ) -> Finding {
    guard let launcher = environment.launcher else {
      let tasks = environmentVariables()["SLURM_NTASKS"].flatMap { Int($0) } ?? 1
      guard tasks > 1 else { return MPIStart.finding(in: environment) }
      return Finding(
        "MPI", .warning, "one process in a Slurm allocation of \(tasks) tasks",
        remedy: "start it with srun --mpi=pmix, or with mpirun")
    }
    let name =
      switch launcher {
      case .openMPI, .mpich: "mpirun"
      case .slurm: "srun"
      case .pmix: "a PMIx launcher"
      }
    return Finding(
      "MPI", .ok,
      "\((try? MPILibrary.version(for: environment)) ?? "no MPI"), \(counted(ranks.count, "rank")) on \(counted(examination.hostCount, "host")) "
        + "by \(name)")
  }

  // MARK: Output

  private func show(_ findings: [Finding], ranks: [RankFacts]) {
    let problems = findings.count { $0.status == .problem }
    let warnings = findings.count { $0.status == .warning }
    if json {
      let result: JSON = [
        "ok": .bool(problems == 0), "findings": .array(findings.map(\.json)), "ranks": .array(ranks.map(\.json)),
      ]
      return printLine(result.text())
    }
    if ranks.count > 1 {
      var rows = [["rank", "host", "threads", "CPUs"]]
      for facts in ranks.prefix(64) {
        rows.append([
          grouped(facts.rank), facts.hostName.escapedForDisplay, grouped(facts.threads), ranges(facts.cpus),
        ])
      }
      table(rows).forEach(printLine)
      if ranks.count > 64 { printLine("… and \(counted(ranks.count - 64, "rank")) more") }
      printLine("")
    }
    let width = findings.map(\.check.count).max() ?? 0
    for finding in findings {
      let mark =
        switch finding.status {
        case .ok: "ok     "
        case .warning: "warning"
        case .problem: "problem"
        }
      let check = finding.check + String(repeating: " ", count: width - finding.check.count)
      let colour: Colour? = [.warning: .yellow, .problem: .red][finding.status]
      printLine(colour.map { (mark, $0) } ?? (mark, .green), "  \(check)  \(finding.text)")
      if !finding.remedy.isEmpty {
        printLine(String(repeating: " ", count: width + 11) + "→ \(finding.remedy)")
      }
    }
    printLine("")
    printLine(
      problems + warnings == 0
        ? "No problems found." : "\(counted(problems, "problem")), \(counted(warnings, "warning"))")
  }

  /// `0-3,8`
  private func ranges(_ cpus: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for cpu in cpus.sorted() {
      if let last = ranges.last, last.upperBound + 1 == cpu {
        ranges[ranges.count - 1] = last.lowerBound...cpu
      } else {
        ranges.append(cpu...cpu)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ",")
  }
}
