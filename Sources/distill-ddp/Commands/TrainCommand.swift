import ArgumentParser
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

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads: expected 1 or more, found \(threads)") }
  }

  func run() throws {
    // Read before ranks start too, for the number of threads; an error in it is told once, by `Trainer`'s rank 0.
    try onEveryRank(threads: threads ?? (try? source.configuration())?.run.threads) { places in
      let configuration = try source.configuration()
      let console = TrainingConsole(
        logEvery: configuration.run.logEverySeconds,
        isTerminal: outputIsTerminal(underLauncher: places.ranks.size > 1))
      _ = try Trainer(configuration, places: places) { event in
        if json { printLine(event.json.text()) } else if !quiet { console.show(event) }
      }.run()
    }
  }
}

/// A configuration and what overrides it.
struct ConfigurationOptions: ParsableArguments {
  @Option(help: "The run's configuration, a YAML file.")
  var config: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Override a key, as in training.batchSize=64; may be repeated.", valueName: "key=value"))
  var overrides: [String] = []

  func configuration() throws -> RunConfiguration { try RunConfiguration(path: config, overrides: overrides) }
}
