import ArgumentParser
import Collectives
import Limits

@main
enum Main {
  static func main() {
    reserveStandardStreams()
    reportFileSizeLimitAsError()
    explainTraps()
    if let script = CompletionScript.asked(by: Array(CommandLine.arguments.dropFirst())) {
      printPart(script + "\n")
      return
    }
    var rank = 0
    do {
      let own = try LaunchEnvironment(variables: environmentVariables()).rank
      rank = own
      UnthrownError.report { error in
        printError(own == 0 ? "Error: \(error)" : "Error on rank \(own): \(error)")
        // The launcher ends the others.
        exitProcessAtOnce(1)
      }
      try DistillDDP.checkCommand(CommandLine.arguments.dropFirst().first)
      var command = try DistillDDP.parseAsRoot()
      try command.run()
    } catch {
      // What every rank finds, rank 0 says; in a job of several ranks, errors of the work itself never come here.
      let status = DistillDDP.exitCode(for: error).rawValue
      let message = DistillDDP.fullMessage(for: error)
      if rank == 0 && !message.isEmpty { status == 0 ? printLine(message) : printError(message) }
      exitProcess(status)
    }
  }
}
