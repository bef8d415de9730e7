import ArgumentParser
import Collectives
import Glibc
import Hub
import JSON
import Training

/// `distill-ddp plan`: what a run takes, before anyone waits for it.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Predict a run's memory, disk, communication and time without running it.",
    discussion: """
      Reads the models' config.json and tokenises the data; loads no weights and writes nothing. Of a sweep it plans \
      every run.

        distill-ddp plan --config configs/distillation_ts.yaml --ranks 1,2,8,64
        distill-ddp plan --config configs/distillation_ts.yaml --rows 100000 --mean-length 30
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(help: ArgumentHelp("Numbers of ranks.", valueName: "N,N…"))
  var ranks = "1,2,4,8,16,32,64"

  @Option(help: "Worker threads of each rank (default: run.threads, else the cores of this machine).")
  var threads: Int?

  @Option(
    help: "Ranks on each host, which share the teacher's memory and the link (default: 1, so 2 ranks are on 2 hosts).")
  var perHost = 1

  @Option(help: ArgumentHelp("The link between hosts, in gigabits a second.", valueName: "Gb/s"))
  var link = 10.0

  @Option(
    help: ArgumentHelp(
      "The matrix-multiply speed of one core, in GFLOP/s (default: this machine's, measured for a second).",
      valueName: "GFLOP/s"))
  var gflops: Double?

  @Option(help: "Rows of training data, in place of the configuration's.")
  var rows: Int?

  @Option(help: "Tokens in a row on average, with --rows.")
  var meanLength: Double?

  @Flag(help: "Print the result as JSON.")
  var json = false

  private static let mostRanks = 1_000_000

  private var rankCounts: [Int]? {
    let counts = ranks.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    let valid = counts.compactMap { $0 }.filter { (1...Self.mostRanks).contains($0) }
    return valid.count == counts.count ? valid : nil
  }

  func validate() throws {
    func require(_ holds: Bool, _ option: String, _ expected: String, _ found: Any) throws {
      if !holds { throw ValidationError("--\(option): expected \(expected), found \(found)") }
    }
    try require(rankCounts != nil, "ranks", "numbers from 1 such as 1,2,8", ranks)
    if let threads { try require((1...4096).contains(threads), "threads", "1 to 4096", threads) }
    try require((1...4096).contains(perHost), "per-host", "1 to 4096", perHost)
    try require(link > 0 && link.isFinite, "link", "a number above 0", link)
    if let gflops { try require(gflops > 0 && gflops.isFinite, "gflops", "a number above 0", gflops) }
    try require((rows == nil) == (meanLength == nil), "rows", "--mean-length beside it", "one of them")
    if let rows { try require((1...1_000_000_000).contains(rows), "rows", "1 to 1000000000", rows) }
    if let meanLength {
      try require((2...100_000).contains(meanLength), "mean-length", "2 to 100000 tokens", meanLength)
    }
  }

  func run() throws {
    try onFirstRank {
      let sweep = try source.sweep()
      let configuration = try sweep?.runs.first?.configuration ?? source.configuration()
      let own = try CoreAllotment(requested: threads ?? configuration.run.threads, among: SingleProcess()).threads
      let assumed = rows.flatMap { rows in
        meanLength.map { RunPlan.AssumedData(rows: rows, meanLength: $0) }
      }
      if assumed == nil { try requireData(configuration) }
      let hub = try Hub.ofEnvironment()
      let plan =
        try sweep.map { try JobPlan($0, assuming: assumed, threads: own, hub: hub) }
        ?? JobPlan(configuration, assuming: assumed, threads: own, hub: hub)
      let speeds = measuredSpeeds(plan.first, threads: own)
      let jobs = (rankCounts ?? []).map { JobShape(ranks: $0, threads: own, perHost: perHost) }
      let text = JobPlanText(job: plan, speeds: speeds, isMeasured: gflops == nil, shapes: jobs, link: link)
      if json { printLine(text.json.text()) } else { text.lines.forEach(printLine) }
    }
  }

  private func requireData(_ configuration: RunConfiguration) throws {
    if case .hub = configuration.data.train.format { return }
    let path = configuration.data.train.path
    guard access(path, R_OK) != 0 else { return }
    throw CommandError(
      "data.train: \(path.escapedForDisplay): cannot be opened: \(String(cString: strerror(errno))); name the data, or "
        + "give --rows and --mean-length instead")
  }

  private func measuredSpeeds(_ plan: RunPlan, threads: Int) -> Speeds {
    let bytes = link * 1e9 / 8
    if let gflops { return Speeds(frozenProducts: gflops * 1e9, trainedProducts: gflops * 1e9, link: bytes) }
    let rates = ProductRate.measure(plan, seconds: 1, pool: WorkerPool(workers: threads), places: threads)
    func mean(_ rate: (ProductRate) -> Double) -> Double { rates.reduce(0) { $0 + rate($1) } / Double(rates.count) }
    return Speeds(frozenProducts: mean { $0.frozen }, trainedProducts: mean { $0.trained }, link: bytes)
  }
}
