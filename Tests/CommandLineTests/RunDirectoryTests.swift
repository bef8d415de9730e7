import Glibc
import Testing

/// What is in a run's directory before the run is not lost.
@Suite struct RunDirectories {
  @Test func earlierRunIsKeptUnlessItIsToBeReplaced() throws {
    let workspace = try TinyWorkspace()
    _ = try workspace.train(.finetune)
    try workspace.write("mine", to: "run/notes.txt")
    let before = try workspace.contents(of: "run")
    let refused = try workspace.attempt(.mixStep)
    #expect(refused.status == 1)
    #expect(
      refused.errors == """
        Error: run.directory: run holds a run already (config.yaml); choose another, go on with it with \
        --resume auto, or set run.overwrite=true to replace it

        """)
    #expect(try workspace.contents(of: "run") == before)

    let replaced = try workspace.train(.mixStep, set: ["run.overwrite=true"])
    #expect(replaced.events("run_started").count == 1 && !workspace.exists("run/stages/finetune"))
    #expect(workspace.text("run/notes.txt") == "mine")
  }

  @Test func brokenConfigurationLeavesTheEarlierRunAlone() throws {
    let workspace = try TinyWorkspace()
    _ = try workspace.train(.finetune)
    let before = try workspace.contents(of: "run")
    for mistake in ["data.train.text=nowhere.txt", "teacher.model=nowhere", "data.maxLength=99"] {
      let result = try workspace.attempt(.mixStep, set: ["run.overwrite=true", mistake])
      #expect(result.status == 1, "\(mistake)")
    }
    #expect(try workspace.contents(of: "run") == before)
  }

  @Test(arguments: [
    ("teacher.model", "teacher.model=run/best"), ("student.model", "student={model: run/stages/finetune/last}"),
    ("data.train.labels", "data.train.labels=run/stages/labels.txt"),
  ])
  func runThatReadsWhatItWouldReplaceIsRefused(key: String, override: String) throws {
    let workspace = try TinyWorkspace()
    _ = try workspace.train(.finetune)
    try workspace.write(workspace.text("train_labels.txt"), to: "run/stages/labels.txt")
    let before = try workspace.contents(of: "run")
    let result = try workspace.attempt(.mixStep, set: ["run.overwrite=true", override])
    #expect(result.status == 1)
    #expect(result.errors.contains("replacing the run would delete") && result.errors.contains("which \(key) names"))
    #expect(try workspace.contents(of: "run") == before)
  }

  @Test(arguments: ["vocab.txt", "vocab.txt/below/it"])
  func fileInTheWayIsNamedBeforeAnythingIsLoaded(directory: String) throws {
    let workspace = try TinyWorkspace()
    try workspace.write("word", to: "vocab.txt")
    let result = try workspace.attempt(
      .finetune, set: ["run.directory=\(directory)", "student.model=nowhere"])
    #expect(result.status == 1)
    #expect(
      result.errors
        == "Error: run.directory: \(directory): expected a directory, found a file at vocab.txt; choose another path\n")
    #expect(workspace.text("vocab.txt") == "word")
  }

  @Test(arguments: ["deep/below/it", "./run/", "run"])
  func directoriesAreMade(directory: String) throws {
    let workspace = try TinyWorkspace()
    let run = try workspace.train(.finetune, set: ["run.directory=\(directory)", "training.epochs=1"])
    #expect(run.weightBytes() != nil)
  }

  @Test func emptyDirectoryAndForeignFilesAreNoRun() throws {
    let workspace = try TinyWorkspace()
    try workspace.makeModel("run")
    _ = try workspace.train(.finetune, set: ["training.epochs=1"])
    #expect(workspace.exists("run/config.json") && workspace.exists("run/config.yaml"))
  }
}
