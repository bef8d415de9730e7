import ArgumentParser
import Glibc
import Hub
import JSON

/// `distill-ddp fetch`: a model from the hub, ahead of its use.
struct FetchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fetch",
    abstract: "Download a model from the Hugging Face hub, or bring its branch up to date.",
    discussion: """
      Prints the model's directory, in the cache that other programs share. Whatever takes a model directory also takes \
      the name, and downloads what the cache lacks; where there is no network, fetch first where there is one.

        distill-ddp fetch bert-base-uncased
        distill-ddp fetch org/name@v1.0
      """)

  @Argument(help: ArgumentHelp("A model's name, with a branch, a tag or a commit.", valueName: "name[@revision]"))
  var name: String

  @Flag(help: "Show no progress.")
  var quiet = false

  func run() throws {
    try onFirstRank {
      guard let hubName = HubName(name) else {
        throw CommandError(
          "\(name.escapedForDisplay): expected a name on the hub such as bert-base-uncased or org/name@revision")
      }
      let location = try Hub.ofEnvironment(isShown: !quiet).locate(hubName, effort: .refresh)
      if access(name, F_OK) == 0 {
        printError("Note: \(name): there is a directory of this name here, which other commands take first")
      }
      printLine(location.path)
    }
  }
}
