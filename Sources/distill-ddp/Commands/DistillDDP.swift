import ArgumentParser
import JSON
import Training

/// The command line's root: what it is called and what it can do.
struct DistillDDP: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "distill-ddp",
    abstract: "Compress transformer encoders by knowledge distillation, data-parallel on CPUs.",
    discussion: """
      Alone:       distill-ddp --config configs/finetune.yaml
      Many ranks:  mpirun -np 8 --bind-to none distill-ddp --config configs/distillation_ts.yaml
      """,
    version: programVersion,
    subcommands: [
      TrainCommand.self, EvaluateCommand.self, PredictCommand.self, TokenizeCommand.self, FeaturesCommand.self,
      InspectCommand.self, ValidateCommand.self, VerifyCommand.self, CacheCommand.self, CompareCommand.self,
      ReportCommand.self, PlanCommand.self, DoctorCommand.self, FetchCommand.self, ConfigCommand.self,
      ServeCommand.self, ExportCommand.self,
    ],
    defaultSubcommand: TrainCommand.self)
}

extension DistillDDP {
  /// Refuses a first word that is no command. Without one the command is `train`, which would only say that it does not
  /// know the word.
  static func checkCommand(_ word: String?) throws {
    guard let word, !word.isEmpty, !word.hasPrefix("-") else { return }
    let commands = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
    guard !commands.contains(word) else { return }
    let near = nearest(to: word, among: commands + ["--version", "--help"])
    throw ValidationError(
      "\(word.quoted): no such command; \(near.map { "did you mean \($0)?" } ?? "distill-ddp --help lists them")")
  }
}
