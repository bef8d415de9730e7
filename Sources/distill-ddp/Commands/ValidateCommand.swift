import ArgumentParser
import Hub
import JSON
import Training

/// `distill-ddp validate`: whether a configuration would run, without running it.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Check a configuration, its data and its models without training.",
    discussion: """
      Reads what a run would read and lists every problem; writes nothing.

        distill-ddp validate --config configs/finetune.yaml --set student.model=DIR
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(
    help: ArgumentHelp(
      "Where the run would begin, as for train (default: run.resume).", valueName: "auto|none|path"),
    completion: .list(["auto", "none"]))
  var resume: String?

  @Flag(help: "Whether the run may go on although it has changed, as for train.")
  var allowChanges = false

  @Flag(help: "Print the result as JSON.")
  var json = false

  func run() throws {
    try onFirstRank {
      do {
        if let sweep = try source.sweep() { return try validate(sweep) }
        let configuration = try source.configuration()
        let preview = preview(configuration, hub: try .ofEnvironment())
        guard preview.problems.isEmpty else { return try fail(preview.problems) }
        if json { printLine(preview.json.text()) } else { show(preview, configuration) }
      } catch let error as ConfigurationError {
        try fail(error.problems.map(\.description))
      }
    }
  }

  private func preview(_ configuration: RunConfiguration, hub: Hub) -> RunPreview {
    RunPreview(
      configuration, resume: resume.map { RunSettings.Resume($0) }, allowsChanges: allowChanges, hub: hub)
  }

  /// Every run, of which the first is shown.
  private func validate(_ sweep: Sweep) throws {
    let hub = try Hub.ofEnvironment()
    let previews = sweep.runs.map { preview($0.configuration, hub: hub) }
    let problems = zip(sweep.runs, previews).flatMap { run, preview in
      preview.problems.map { "\(run.configuration.run.directory.escapedForDisplay): \($0)" }
    }
    guard problems.isEmpty else { return try fail(problems) }
    if json {
      let runs = zip(sweep.runs, previews).map { run, preview -> JSON in
        ["directory": .string(run.configuration.run.directory), "preview": preview.json]
      }
      return printLine((["valid": true, "runs": .array(runs)] as JSON).text())
    }
    show(previews[0], sweep.runs[0].configuration)
    printLine("\n\(sweep.runs.count) runs, of which this is the first:")
    for run in sweep.runs { printLine("  \(run.configuration.run.directory.escapedForDisplay)") }
  }

  private func fail(_ problems: [String]) throws {
    if json {
      printLine(RunPreview.json(problems: problems).text())
    } else {
      printError("Error: " + problems.joined(separator: "\n"))
    }
    throw ExitCode.failure
  }

  private func show(_ preview: RunPreview, _ configuration: RunConfiguration) {
    for notice in preview.notices { printLine("Note: \(notice)") }
    printLine("\(source.config.escapedForDisplay): ready to run into \(configuration.run.directory.escapedForDisplay)")
    let models = [("teacher", preview.teacher), ("student", preview.student)].compactMap { name, model in
      model.map { model in
        [
          name, grouped(model.layers), grouped(model.hiddenSize), grouped(model.heads), grouped(model.parameters),
        ]
      }
    }
    printLine("")
    table([["model", "layers", "width", "heads", "parameters"]] + models).forEach(printLine)
    printLine("")
    let data = [("training", preview.train), ("validation", preview.validation), ("test", preview.test)].compactMap {
      name, data in
      data.map { [name, grouped($0.rows), fixed($0.meanLength, 1), grouped($0.maximumLength), grouped($0.truncated)] }
    }
    table([["data", "rows", "mean tokens", "most tokens", "truncated rows"]] + data).forEach(printLine)
    let console = TrainingConsole(terminal: nil)
    for stage in preview.stages { console.show(stage) }
  }
}
