import ArgumentParser
import JSON
import Reports

/// `distill-ddp compare`: runs side by side.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Put runs into one table: quality, size, speed.",
    discussion: """
      Metrics are those of the best checkpoint. Runs whose configurations differ in run.seed only are one row, with mean \
      and standard deviation. A run that has not ended says how far it is. Directories that hold no run are skipped, with \
      a note.

        distill-ddp compare runs/baseline runs/mix-*
        distill-ddp compare runs/* --format csv > runs.csv
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument {
    case markdown, csv, json
  }

  @Argument(help: "The directories of runs.", completion: .directory)
  var runs: [String]

  @Option(help: "How to print the table.")
  var format = Format.markdown

  func run() throws {
    try onFirstRank {
      let comparison = RunComparison(try runDirectories(among: runs).map { try RecordedRun($0) })
      let text =
        switch format {
        case .markdown: comparison.markdown + "\n"
        case .csv: comparison.csv
        case .json: comparison.json.text(.pretty) + "\n"
        }
      try writeResult(Array(text.utf8))
    }
  }
}
