import ArgumentParser
import Collectives
import Hub
import JSON
import Training

/// `distill-ddp --config …`: runs a configuration.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Fine-tune or distil as a configuration says.",
    discussion: """
      Under mpirun or srun, all ranks train together; alone, one process does. A configuration with a section sweep is \
      many runs, one after the other.
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(help: "Worker threads of each rank (default: the cores it may use, shared among the host's ranks).")
  var threads: Int?

  @Flag(help: "Print events as JSON, one per line, instead of progress.")
  var json = false

  @Flag(help: "Print only warnings and the result.")
  var quiet = false

  @Option(
    help: ArgumentHelp(
      "Resume an interrupted run: auto from its newest intact state, or from the beginning where there is none; a path "
        + "from that state (default: run.resume).", valueName: "auto|none|path"),
    completion: .list(["auto", "none"]))
  var resume: String?

  @Flag(help: "Resume even if configuration, data or models have changed.")
  var allowChanges = false

  /// `EX_TEMPFAIL`: what a batch system, or `launch/run-with-restarts.sh`, takes for "run me again".
  static let resumable: Int32 = 75

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads: expected 1 or more, found \(threads)") }
    if json && quiet { throw ValidationError("--json and --quiet: expected one of them, found both") }
    if resume?.isEmpty == true { throw ValidationError("--resume: expected auto, none or a path, found nothing") }
  }

  func run() throws {
    StopSignals.watch(speaks: try LaunchEnvironment(variables: environmentVariables()).rank == 0)
    reportClosedOutputAsError()
    // Read before ranks start too; an error in it is told once, by rank 0.
    let run = (try? source.runs())?.first?.run
    let status = try onEveryRank(
      threads: threads ?? run?.threads, stuckRank: run?.stuckRank ?? StuckRankLimits()
    ) { places in
      let sweep = try source.sweep()
      try RankAgreement.require(
        RunIdentity(
          command: "train",
          options: [
            ("the runs of the sweep", sweep?.runs.map(\.name).joined(separator: " ") ?? "none"),
            ("--resume", resume ?? "none"), ("--allow-changes", "\(allowChanges)"),
          ]), among: places.ranks)
      if let sweep { return try self.run(sweep, places) }
      return try train(try source.configuration(), places) == .finished ? 0 : Self.resumable
    }
    if status != 0 { throw ExitCode(status) }
  }

  /// Collective: one run, to its end or a signal.
  ///
  /// - Parameter othersFollow: whether there is more to do after it.
  func train(_ configuration: RunConfiguration, _ places: Places, othersFollow: Bool? = nil) throws -> RunEnd {
    let console = TrainingConsole(terminal: Terminal(1, underLauncher: places.ranks.size > 1), isQuiet: quiet)
    let end = try Trainer(
      configuration, places: places, resume: resume.map { RunSettings.Resume($0) }, allowsChanges: allowChanges,
      isOneOfMany: othersFollow != nil,
      hub: .ofEnvironment(isShown: !quiet && places.ranks.rank == 0, isCancelled: { StopSignals.received != nil }),
      stopSignal: { StopSignals.received }
    ) { event in
      if case .stageStarted = event { StopSignals.trainingBegins() }
      if json { EventLines.print(event) } else { console.show(event) }
    }.run()
    // From here a second signal has nothing to cut short.
    if othersFollow != true || end != .finished { StopSignals.ignore() }
    if case .interrupted(let signal, let hasState) = end, places.ranks.rank == 0 {
      let stopped = "Stopped by \(StopSignals.name(of: signal)), status \(Self.resumable): "
      let state = "\(configuration.run.directory.escapedForDisplay)/state/last"
      printError(
        stopped
          + (hasState
            ? "give the same command with --resume auto to go on from \(state)"
            : "nothing was saved yet; give the same command to begin again"))
    }
    return end
  }
}

/// A configuration and what overrides it.
struct ConfigurationOptions: ParsableArguments {
  @Option(help: "The run's configuration, a YAML file; - is standard input.", completion: .yaml)
  var config: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Override a key, as in training.batchSize=64; may be repeated.", valueName: "key=value"),
    completion: .custom { words, _, _ in ConfigurationOptions.keys(of: words) })
  var overrides: [String] = []

  /// The keys that `--set` can follow with a value: those of each stage by the stage's name in the file that `--config`
  /// names.
  private static func keys(of words: [String]) -> [String] {
    let file = words.indices.last { words[$0] == "--config" }.flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
    let configuration = file.flatMap { try? RunConfiguration(path: $0) }
    return ConfigurationKey.all.filter(\.isScalar).flatMap { key -> [String] in
      guard key.path.contains(".N") else { return ["\(key.path)="] }
      let rest = key.path.dropFirst("stages.N.".count)
      guard key.path.hasPrefix("stages.N."), !rest.contains(".N"), let configuration else { return [] }
      return configuration.stages.map { "stages.\($0.name).\(rest)=" }
    }
  }

  func validate() throws {
    let size = try? LaunchEnvironment(variables: environmentVariables()).size
    if config == "-" || config == "/dev/stdin", let size, size > 1 {
      throw ValidationError("--config: only one of the ranks has standard input; save the configuration to a file")
    }
  }

  func configuration() throws -> RunConfiguration { try RunConfiguration(path: config, overrides: overrides) }

  /// The runs of a sweep; `nil` where the configuration is of one run.
  func sweep() throws -> Sweep? { try Sweep(path: config, overrides: overrides) }

  /// All that the configuration stands for.
  func runs() throws -> [RunConfiguration] {
    if let sweep = try sweep() { return sweep.runs.map(\.configuration) }
    return [try configuration()]
  }
}
