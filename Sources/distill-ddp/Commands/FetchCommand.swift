import ArgumentParser
import Glibc
import Hub
import JSON
import Training

/// `distill-ddp fetch`: a model or a data set from the hub, ahead of its use.
struct FetchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fetch",
    abstract: "Download a model or a data set from the Hugging Face hub, or bring its branch up to date.",
    discussion: """
      Prints the model's directory, or the paths of the data set's files, in the cache that other programs share. Whatever takes a model directory also takes \
      the name, and downloads what the cache lacks; where there is no network, fetch first where there is one.

        distill-ddp fetch bert-base-uncased
        distill-ddp fetch org/name@v1.0
        distill-ddp fetch --dataset cardiffnlp/tweet_eval --config sentiment --split train test
      """)

  @Argument(help: ArgumentHelp("A model's name, with a branch, a tag or a commit.", valueName: "name[@revision]"))
  var name: String

  @Flag(help: "Fetch a data set rather than a model.")
  var dataset = false

  @Option(help: "Of a data set: which configuration (default: its only one, or its default).")
  var config: String?

  @Option(parsing: .upToNextOption, help: "Of a data set: which splits (default: train, validation and test).")
  var split: [String] = []

  @Flag(help: "Show no progress.")
  var quiet = false

  func validate() throws {
    guard dataset || config == nil && split.isEmpty else {
      throw ValidationError("--config, --split: belong to data sets; give --dataset, or leave them out")
    }
  }

  func run() throws {
    try onFirstRank {
      if dataset {
        let paths = try Hub.ofEnvironment(isShown: !quiet).fetchDataset(name, config: config, splits: split)
        for path in paths { printLine(path) }
        return
      }
      // A directory is what every other command reads under this name.
      if access(name, F_OK) == 0 {
        printError("Note: \(name.escapedForDisplay) is a directory here, which is used as it is; nothing was fetched")
        return printLine(name.escapedForDisplay)
      }
      guard let hubName = HubName(name) else {
        throw CommandError(
          "\(name.escapedForDisplay): expected a name on the hub such as bert-base-uncased or org/name@revision, or a "
            + "directory that is here, found neither")
      }
      if hubName.looksLikePath { throw HubError.notHere(path: name) }
      let location = try Hub.ofEnvironment(isShown: !quiet).locate(hubName, effort: .refresh)
      printLine(location.path)
    }
  }
}
