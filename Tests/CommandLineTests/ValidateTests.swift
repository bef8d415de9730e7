import JSON
import Testing

@Suite("validate")
struct ValidateTests {
  private let workspace: TinyWorkspace

  init() throws { workspace = try TinyWorkspace() }

  private func validate(
    _ configuration: Configuration, set overrides: [String] = [], _ options: [String] = []
  ) throws -> ProgramRun {
    try workspace.write(configuration.yaml, to: "c.yaml")
    return try workspace.run(["validate", "--config", "c.yaml"] + overrides.flatMap { ["--set", $0] } + options)
  }

  @Test("a sound configuration's models, data, steps and layer maps are shown, and nothing is written")
  func previews() throws {
    let run = try validate(.twoStep)
    #expect(run.status == 0, "\(run)")
    #expect(run.output.contains("1 ← 3, 2 ← 4"))
    #expect(run.output.contains("Stage 2 of 2, prediction: 3 epochs, 33 steps"))
    #expect(!workspace.exists("run"))
  }

  @Test("the preview is what the run then does")
  func agreesWithTheRun() throws {
    let preview = try #require(try jsonLines(try validate(.everyAdaptor, ["--json"]).output).first)
    #expect(preview["valid"] == true)
    _ = try workspace.train(.everyAdaptor, set: ["training.epochs=1"])
    let started = try #require(
      try jsonLines(workspace.text("run/metrics.jsonl")).first { $0["event"] == "stage_started" })
    let stage = try #require(preview["stages"]?.array?.first)
    for key in ["stage", "trained_parameters", "label_weight", "adaptors", "monitor"] {
      #expect(stage[key] == started[key], "\(key)")
    }
  }

  @Test("all that would stop the run is listed")
  func listsEveryProblem() throws {
    let overrides = [
      "data.train.text=none.txt", "data.train.labels=nor_this.txt", "data.maxLength=99",
      "stages.intermediate.adaptors.AttnMiniLM.layers=[[1, 9]]",
      "stages.intermediate.adaptors.ValMiniLM.layers=[[3, 1]]",
    ]
    let expected = [
      "data.train: none.txt: cannot be opened", "data.train: nor_this.txt: cannot be opened",
      "data.maxLength: expected at most 16, the model's max_position_embeddings, found 99",
      "stages.intermediate.adaptors: AttnMiniLM: layers: ", "stages.intermediate.adaptors: ValMiniLM: layers: ",
    ]
    let run = try validate(.twoStep, set: overrides)
    #expect(run.status == 1)
    for message in expected { #expect(run.errors.occurrences(of: message) == 1, "\(message)\n\(run)") }
    let json = try #require(try jsonLines(try validate(.twoStep, set: overrides, ["--json"]).output).first)
    #expect(json["valid"] == false)
    #expect(json["problems"]?.array?.count == expected.count, "\(json.text())")
  }

  @Test("what would stop the run in its directory stops validation")
  func directory() throws {
    _ = try workspace.train(.finetune)
    for (overrides, options, status, said) in [
      ([], [], 1, "Error: run.directory: run holds a run already"),
      ([], ["--resume", "auto"], 0, "Note: run: the run has finished already; there is nothing to resume"),
      (["run.overwrite=true"], [], 0, "ready to run into run"),
      (
        ["run.resume=auto", "training.learningRate=0.5"], [], 1,
        "run.directory: run holds a run of another configuration"
      ),
      (
        ["run.directory=val_text.txt/run"], [], 1, "run.directory: val_text.txt/run: expected a directory, found a file"
      ),
    ] as [([String], [String], Int32, String)] {
      let run = try validate(.finetune, set: overrides, options)
      #expect(run.status == status && (run.output + run.errors).contains(said), "\(run)")
    }
  }

  @Test("a state of other data stops validation, as it stops the run")
  func stateOfOtherData() throws {
    _ = try workspace.train(.finetune)
    let text = workspace.text("train_text.txt")
    for (texts, status) in [(text, 0), (text + "one more\n", 1)] as [(String, Int32)] {
      try workspace.write(texts, to: "train_text.txt")
      if status == 1 { try workspace.write(workspace.text("train_labels.txt") + "0\n", to: "train_labels.txt") }
      let arguments = ["run.resume=run/state/last", "stages.finetune.epochs=9"]
      let run = try validate(.finetune, set: arguments, status == 0 ? ["--allow-changes"] : [])
      #expect(run.status == status, "\(run)")
      guard status == 1 else { continue }
      #expect(run.errors.contains("the run has changed since this was saved:"), "\(run)")
      #expect(run.errors.contains("\n  the training data\n"), "\(run)")
      let training = try workspace.run(["--config", "c.yaml"] + arguments.flatMap { ["--set", $0] })
      #expect(training.status == 1 && training.errors.contains("\n  the training data\n"), "\(training)")
    }
  }

  @Test("a missing teacher does not hide what is wrong with the data")
  func checksDataWithoutModels() throws {
    try workspace.write("0\n1\n7\n", to: "train_labels.txt")
    let run = try validate(
      .everyAdaptor, set: ["teacher.model=none", "student.model=none", "task.labels=[a, b, c]"])
    #expect(run.status == 1)
    #expect(run.errors.contains("teacher.model: none: does not exist"), "\(run)")
    #expect(run.errors.contains("student.model: none: does not exist"))
    #expect(run.errors.contains("train_labels.txt:3: label: expected 0…2 or one of a, b, c, found \"7\""))
  }

  @Test("mistakes in the file are all listed")
  func listsMistakes() throws {
    let run = try validate(.finetune, set: ["run.sed=1", "training.batchSize=0"])
    #expect(run.status == 1)
    #expect(run.errors.contains("unknown key; did you mean seed?"), "\(run)")
    #expect(run.errors.contains("training.batchSize: expected an integer"))
    let missing = try workspace.run(["validate", "--config", "none.yaml"])
    #expect(missing.status == 1)
    #expect(missing.errors.hasPrefix("Error: none.yaml: cannot be read"), "\(missing)")
  }
}
