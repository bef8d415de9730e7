import ArgumentParser
import Collectives
import Hub
import JSON
import Reports
import Text
import Training

/// `distill-ddp report`: a run as a page to look at.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write a run as one HTML file: curves, metrics, attention maps, configuration.",
    discussion: """
      The file needs nothing else and loads nothing. Models and validation data are read where the run's configuration \
      says; what is not there any more is left out, with a note.

        distill-ddp report runs/mix
        distill-ddp report runs/mix --baseline runs/baseline --rows 3,17 --output mix.html
      """)

  @Argument(
    help: "The directory of a run, or of several, each of which gets its page; those that hold no run are skipped.",
    completion: .directory)
  var directories: [String]

  @Option(
    help: "The file to write, of one run (default: report.html in the run's directory; - is standard output).",
    completion: .file(extensions: ["html"]))
  var output: String?

  @Option(
    help: "A file of sentences, one per line, whose attention is drawn (default: a few short validation rows).",
    completion: .file())
  var sentences: String?

  @Option(help: ArgumentHelp("Validation rows whose attention is drawn, from 1.", valueName: "row,row…"))
  var rows: String?

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("A run or a model to compare with; may be repeated.", valueName: "dir"),
    completion: .directory)
  var baseline: [String] = []

  @Flag(help: "Load no models: no attention maps, no measurements.")
  var noModels = false

  @Option(help: "Worker threads (default: the cores it may use).")
  var threads: Int?

  /// Each is drawn with dozens of maps.
  private static let mostSentences = 50

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads: expected 1 or more, found \(threads)") }
    if sentences != nil && rows != nil {
      throw ValidationError("--sentences and --rows: expected one of them, found both")
    }
    if output != nil && directories.count > 1 {
      throw ValidationError("--output: expected with one run, found \(directories.count); leave it out")
    }
    if noModels && (sentences != nil || rows != nil || !baseline.isEmpty) {
      throw ValidationError("--no-models: expected without --sentences, --rows and --baseline, which need models")
    }
    if let rows, try parsed(rows).isEmpty {
      throw ValidationError("--rows: expected numbers such as 3,17, found nothing")
    }
  }

  func run() throws {
    try onFirstRank(threads: threads) { pool in
      let alone = try Places(pool: pool, ranks: SingleProcess())
      for directory in try runDirectories(among: directories) { try write(RecordedRun(directory), alone) }
    }
  }

  private func write(_ run: RecordedRun, _ places: Places) throws {
    let destination = ResultDestination(output ?? "\(run.directory)/report.html")
    let claim = try destination.claim(allowsStreams: true)
    defer { withExtendedLifetime(claim) {} }
    let measurements =
      noModels
      ? ReportMeasurements(note: "Made without models: attention maps and measurements are left out.")
      : try ReportMeasurements(
        run, baselines: baseline, sentences: try chosenSentences(), hub: .ofEnvironment(), places: places)
    for note in measurements.notes { printError("Note: \(note)") }
    try destination.write(Array(ReportPage(run, measurements).html.utf8))
    if let path = destination.path { printLine(path.escapedForDisplay) }
  }

  private func parsed(_ rows: String) throws -> [Int] {
    try rows.split(separator: ",").map { part in
      guard let row = Int(part.filter { $0 != " " }) else {
        throw ValidationError("--rows: expected numbers such as 3,17, found \(String(part).quoted)")
      }
      return row
    }
  }

  private func chosenSentences() throws -> ReportMeasurements.Sentences {
    if let rows { return .rows(Array(try parsed(rows).prefix(Self.mostSentences))) }
    guard let sentences else { return .automatic }
    let examples = try DatasetSource(format: .lines(labelsPath: nil), path: sentences).read(labels: nil)
    let texts = (0..<min(examples.count, Self.mostSentences)).map { examples[$0].text }
    guard !texts.isEmpty else { throw CommandError("\(sentences.escapedForDisplay): expected sentences, found none") }
    return .texts(texts)
  }
}
