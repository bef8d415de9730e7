import ArgumentParser
import Collectives
import JSON
import Training

/// `distill-ddp --config …`: runs a configuration.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Fine-tune or distil as a configuration says.",
    discussion: "Under mpirun or srun, all ranks train together; alone, one process does.")

  @OptionGroup var source: ConfigurationOptions

  @Option(help: "Worker threads of each rank (default: the cores it may use, shared among the host's ranks).")
  var threads: Int?

  @Flag(help: "Print events as JSON, one a line, instead of progress.")
  var json = false

  @Flag(help: "Print errors only.")
  var quiet = false

  @Option(
    help: ArgumentHelp(
      "Go on with an interrupted run: auto takes its newest sound state and starts anew where there is none; a state's "
        + "directory takes that one (default: run.resume).", valueName: "auto|none|path"),
    completion: .list(["auto", "none"]))
  var resume: String?

  @Flag(help: "Resume although configuration, data or models have changed.")
  var allowChanges = false

  /// `EX_TEMPFAIL`: what a batch system, or `launch/run-with-restarts.sh`, takes for "run me again".
  private static let resumable: Int32 = 75

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads: expected 1 or more, found \(threads)") }
    if resume?.isEmpty == true { throw ValidationError("--resume: expected auto, none or a path, found nothing") }
  }

  func run() throws {
    StopSignals.watch()
    reportClosedOutputAsError()
    // Read before ranks start too; an error in it is told once, by `Trainer`'s rank 0.
    let run = (try? source.configuration())?.run
    let end = try onEveryRank(
      threads: threads ?? run?.threads, stuckRank: run?.stuckRank ?? StuckRankLimits()
    ) { places in
      let configuration = try source.configuration()
      let console = TrainingConsole(
        logEvery: configuration.run.logEverySeconds,
        isTerminal: outputIsTerminal(underLauncher: places.ranks.size > 1))
      let end = try Trainer(
        configuration, places: places, resume: resume.map { RunSettings.Resume($0) }, allowsChanges: allowChanges,
        stopSignal: { StopSignals.received }
      ) { event in
        if json { printLine(event.json.text()) } else if !quiet { console.show(event) }
      }.run()
      // From here a second signal has nothing to cut short.
      StopSignals.ignore()
      if case .interrupted(let signal) = end, places.ranks.rank == 0 {
        printError(
          "Stopped by \(StopSignals.name(of: signal)), status \(Self.resumable): give the same command with --resume auto "
            + "to go on from \(configuration.run.directory.escapedForDisplay)/state/last")
      }
      return end
    }
    if case .interrupted = end { throw ExitCode(Self.resumable) }
  }
}

/// A configuration and what overrides it.
struct ConfigurationOptions: ParsableArguments {
  @Option(help: "The run's configuration, a YAML file.", completion: .yaml)
  var config: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Override a key, as in training.batchSize=64; may be repeated.", valueName: "key=value"),
    completion: .custom { _, _, _ in ConfigurationKey.all.filter { $0.isScalar }.map { "\($0.path)=" } })
  var overrides: [String] = []

  func configuration() throws -> RunConfiguration { try RunConfiguration(path: config, overrides: overrides) }
}
