import ArgumentParser
import Collectives

@main
enum Main {
  static func main() {
    reserveStandardStreams()
    reportFileSizeLimitAsError()
    var rank = 0
    do {
      rank = try LaunchEnvironment(variables: environmentVariables()).rank
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
