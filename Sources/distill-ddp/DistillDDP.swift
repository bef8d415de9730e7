import ArgumentParser

@main
struct DistillDDP: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "distill-ddp", abstract: "Distil transformer encoders on CPUs.")
}
