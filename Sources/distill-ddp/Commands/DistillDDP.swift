import ArgumentParser

/// The command line's root: what it is called and what it can do.
struct DistillDDP: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "distill-ddp",
    abstract: "Compress transformer encoders by knowledge distillation, data-parallel on CPUs.",
    discussion: """
      Alone:       distill-ddp --config configs/finetune.yaml
      Many ranks:  mpirun -np 8 distill-ddp --config configs/distillation_ts.yaml
      """,
    version: "0.1.0",
    subcommands: [
      TrainCommand.self, EvaluateCommand.self, PredictCommand.self, TokenizeCommand.self, FeaturesCommand.self,
      InspectCommand.self, ValidateCommand.self, VerifyCommand.self, CacheCommand.self, CompareCommand.self,
      ReportCommand.self, PlanCommand.self, DoctorCommand.self, FetchCommand.self, ConfigCommand.self,
    ],
    defaultSubcommand: TrainCommand.self)
}
