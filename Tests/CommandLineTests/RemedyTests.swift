import Testing

/// What an error tells the user to do is done, and helps.
@Suite("remedies")
struct RemedyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    /// Makes the mistake.
    var prepare: @Sendable (TinyWorkspace) throws -> Void = { _ in }
    var set: [String] = []
    /// What is told, the remedy included.
    let messages: [String]
    /// Does what was told.
    var remedy: @Sendable (TinyWorkspace) throws -> Void = { _ in }
    /// In place of `set`.
    var remedySet: [String]?
    var remedyOptions: [String] = []
    var testDescription: String { name }
  }

  private static let rows = "text,label\ngood,2\nbad,0\nbut,1\ndear,2\n"
  private static let csv = "data.train={csv: rows.csv}"

  /// Runs what the message says, in a shell.
  private static func shell(_ command: String) -> @Sendable (TinyWorkspace) throws -> Void {
    { workspace in
      let run = try ProgramRun.of("/bin/sh", ["-c", command], in: workspace.path)
      guard run.status == 0 else { throw ProgramFailure(description: "\(run)") }
    }
  }

  private static func write(_ contents: [UInt8], _ name: String = "rows.csv")
    -> @Sendable (TinyWorkspace) throws -> Void
  {
    { try $0.write(contents, to: name) }
  }

  private static func write(_ text: String, _ name: String = "rows.csv") -> @Sendable (TinyWorkspace) throws -> Void {
    write(Array(text.utf8), name)
  }

  static let cases = [
    Case(
      name: "labels of other names", set: ["task.labels=[bad, so so, good]"],
      messages: [
        #"id2label: expected the task's labels ["bad", "so so", "good"], found ["negative", "neutral", "positive"]"#,
        "name the model's classes in task.labels, or start a new head with student.head: new",
      ], remedySet: ["task.labels=[negative, neutral, positive]"]),
    Case(
      name: "labels of other names, with a new head", set: ["task.labels=[bad, so so, good]"],
      messages: ["start a new head with student.head: new"],
      remedySet: ["task.labels=[bad, so so, good]", "student.head=new"]),
    Case(
      name: "a head of another size",
      set: ["task.labels=[bad, good]", "data.train={text: t, labels: l}", "data.validation={text: t, labels: l}"],
      messages: ["classifier.weight: expected [2, 18], found [3, 18]", "student.head: new"],
      remedy: { workspace in
        try workspace.write("good\nbad\n", to: "t")
        try workspace.write("good\nbad\n", to: "l")
      },
      remedySet: [
        "task.labels=[bad, good]", "data.train={text: t, labels: l}", "data.validation={text: t, labels: l}",
        "student.head=new",
      ]),
    Case(
      name: "a teacher of other classes",
      prepare: { workspace in
        try workspace.makeModel("other")
        try workspace.permuteClasses(of: "other", as: [0, 1, 2], names: ["a", "b", "c"])
      },
      set: ["teacher.model=other", "student.model=student", "stages.0.adaptors=[LogitMSE]"],
      messages: ["other: id2label", "name the teacher's classes in task.labels, or fine-tune a teacher on these"],
      remedySet: [
        "teacher.model=other", "student={model: student, head: new}", "stages.0.adaptors=[LogitMSE]",
        "task.labels=[a, b, c]",
      ]),
    Case(
      name: "classes without names",
      prepare: { workspace in
        try workspace.permuteClasses(of: "teacher", as: [0, 1, 2], names: ["LABEL_0", "LABEL_1", "LABEL_2"])
        try workspace.write("text,label\ngood,fine\nbad,poor\nbut,fair\n", to: "rows.csv")
      },
      set: [csv], messages: ["rows.csv:2: label: expected", #"found "fine"; name the classes in task.labels"#],
      remedySet: [csv, "task.labels=[poor, fair, fine]"]),
    Case(
      name: "labels as pandas writes them", prepare: write("text,label\ngood,2.0\nbad,0.0\n"), set: [csv],
      messages: [#"found "2.0"; write 2, as a whole number (in pandas: .astype(int))"#],
      remedy: write("text,label\ngood,2\nbad,0\n")),
    Case(
      name: "no labels where none are needed", prepare: write("text\ngood\nbad\n"),
      set: [csv, "stages=[{name: one, adaptors: [AttnMiniLM], labelWeight: 0}]"],
      messages: [#"column "label": expected once in the header"#, "give labelColumn: null if there are no labels"],
      remedySet: [
        "data.train={csv: rows.csv, labelColumn: null}", "stages=[{name: one, adaptors: [AttnMiniLM], labelWeight: 0}]",
      ]),
    Case(
      name: "semicolons", prepare: write(rows.replacing(",", with: ";")), set: [csv],
      messages: ["its fields seem to have ';' between them; give separator: ';' (of a command, --separator"],
      remedySet: ["data.train={csv: rows.csv, separator: ';'}"]),
    Case(
      name: "UTF-16", prepare: write([0xFF, 0xFE] + rows.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }),
      set: [csv],
      messages: ["convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"],
      remedy: shell("iconv -f UTF-16 -t UTF-8 rows.csv > new.csv"), remedySet: ["data.train={csv: new.csv}"]),
    Case(
      name: "Windows-1252", prepare: write(Array("text,label\ncaf".utf8) + [0xE9] + Array(",1\n".utf8)), set: [csv],
      messages: ["convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW"],
      remedy: shell("iconv -f WINDOWS-1252 -t UTF-8 rows.csv > new.csv"), remedySet: ["data.train={csv: new.csv}"]),
    Case(
      name: "carriage returns", prepare: write(rows.replacing("\n", with: "\r")), set: [csv],
      messages: [#"convert it: tr '\r' '\n' < FILE > NEW"#], remedy: shell(#"tr '\r' '\n' < rows.csv > new.csv"#),
      remedySet: ["data.train={csv: new.csv}"]),
    Case(
      name: "columns by number", prepare: write("good,2\nbad,0\n"),
      set: ["data.train={csv: rows.csv, textColumn: 0, labelColumn: 1}"],
      messages: ["data.train.header: missing; give true or false"],
      remedySet: ["data.train={csv: rows.csv, textColumn: 0, labelColumn: 1, header: false}"]),
    Case(
      name: "a mapping of other data", prepare: write("0\ta\n1\tb\n2\tc\n", "mapping.txt"),
      messages: [
        #"mapping.txt: expected the classes ["negative", "neutral", "positive"], found ["a", "b", "c"]"#,
        "move it away",
      ],
      remedy: shell("mv mapping.txt other.txt")),
    Case(
      name: "another tool's key", set: ["training.num_train_epochs=1"],
      messages: ["training.num_train_epochs: unknown key; write training.epochs"], remedySet: ["training.epochs=1"]),
    Case(
      name: "too long for the model", set: ["data.maxLength=32"],
      messages: ["data.maxLength: expected at most 16"], remedySet: ["data.maxLength=16"]),
    Case(
      name: "a run that is there already", prepare: finish,
      messages: ["run.directory: run holds a run"], remedySet: ["run.overwrite=true"]),
    Case(
      name: "a finished run with more steps", prepare: finish, set: ["run.resume=auto", "training.maxSteps=3"],
      messages: ["stages.finetune.maxSteps: was 2, is 3", "give --allow-changes to go on from its last state"],
      remedyOptions: ["--allow-changes"]),
    Case(
      name: "a finished run with more steps, without its state", prepare: finishWithoutState,
      set: ["run.resume=auto", "training.maxSteps=3"],
      messages: ["set student.model=run/last and another run.directory"],
      remedySet: ["student.model=run/last", "run.directory=more", "training.maxSteps=3"]),
  ]

  private static let finish: @Sendable (TinyWorkspace) throws -> Void = { workspace in
    let run = try workspace.attempt(.finetune, set: ["training.maxSteps=2"])
    guard run.status == 0 else { throw ProgramFailure(description: "\(run)") }
  }

  private static let finishWithoutState: @Sendable (TinyWorkspace) throws -> Void = { workspace in
    let run = try workspace.attempt(.finetune, set: ["training.maxSteps=2", "run.keepFinalState=false"])
    guard run.status == 0 else { throw ProgramFailure(description: "\(run)") }
  }

  @Test(arguments: cases)
  func help(_ mistake: Case) throws {
    let workspace = try TinyWorkspace(trainRows: 20, validationRows: 8)
    try mistake.prepare(workspace)
    let few = mistake.set.contains { $0.hasPrefix("training.") } ? [] : ["training.maxSteps=2"]
    let wrong = try workspace.attempt(.finetune, set: few + mistake.set)
    #expect(wrong.status == 1, "\(wrong)")
    for message in mistake.messages { #expect(wrong.errors.contains(message), "\(wrong)") }
    try mistake.remedy(workspace)
    let set = mistake.remedySet ?? mistake.set
    let right = try workspace.attempt(
      .finetune, set: (set.contains { $0.hasPrefix("training.") } ? [] : ["training.maxSteps=2"]) + set,
      mistake.remedyOptions)
    #expect(right.status == 0, "\(right)")
  }

  @Test("an override that changes nothing is told, with the key that does")
  func overridesWithoutEffect() throws {
    let workspace = try TinyWorkspace(trainRows: 20, validationRows: 8)
    let stages = "stages=[{name: one, maxSteps: 2}]"
    let silent = try workspace.attempt(.finetune, set: [stages, "training.epochs=1"])
    #expect(silent.status == 0, "\(silent)")
    #expect(
      silent.output.contains(
        "training.epochs=1 has no effect, as every stage has its own maxSteps; set stages.one.maxSteps"), "\(silent)")
    let told = try workspace.attempt(.finetune, set: [stages, "stages.one.maxSteps=1", "run.directory=two"])
    #expect(told.status == 0 && !told.output.contains("no effect"), "\(told)")
  }

  @Test("and so is one of any other section, but not one that says what is so anyway")
  func overridesOfAnySection() throws {
    let workspace = try TinyWorkspace(trainRows: 20, validationRows: 8)
    let without = [
      ("teacher.cache.path=kept", "as no stage has adaptors; set stages.one.adaptors"),
      ("average=probabilities", "as there is one teacher; give teachers"),
      ("run.maxFailedSaves=7", "as run.onFailedSave is stop; set it to continue"),
      ("stages.one.initialize=last", "as the first stage starts from student"),
      ("training.maxSkippedSteps=9", "as nonFinite is stop; set stages.one.nonFinite=skip"),
      ("training.earlyStopping.minDelta=0.5", "as no patience is set; set stages.one.earlyStopping.patience"),
      ("training.learningRate=0.1", "as every stage has its own learningRate; set stages.one.learningRate"),
      ("training.batchSize=4", "as training.batchSize=5 follows"),
    ]
    let with = [
      "training.batchSize=5", "run.seed=7", "data.maxLength=16", "stages.one.labelWeight=2", "run.csv=false",
      "run.onFailedSave=stop",
    ]
    let overrides = ["stages=[{name: one, epochs: 1, learningRate: 0.01}]"] + without.map(\.0) + with
    try workspace.write(Configuration.finetune.yaml, to: "c.yaml")
    let run = try workspace.run(["validate", "--config", "c.yaml"] + overrides.flatMap { ["--set", $0] })
    #expect(run.status == 0, "\(run)")
    for (override, why) in without { #expect(run.output.contains("\(override) has no effect, \(why)\n"), "\(run)") }
    #expect(run.output.occurrences(of: "no effect") == without.count, "\(run)")
    // Every run of this sweep has a learning rate of its own.
    try workspace.write(
      Configuration.finetune.yaml + "sweep: {grid: {training.learningRate: [0.1, 0.2]}}\n", to: "sweep.yaml")
    let sweep = try workspace.run([
      "validate", "--config", "sweep.yaml", "--set", "training.learningRate=0.3", "--set", "training.batchSize=5",
    ])
    #expect(
      sweep.status == 0
        && sweep.output.contains(
          "training.learningRate=0.3 has no effect, as every run of the sweep has a value of its own"),
      "\(sweep)")
    #expect(sweep.output.occurrences(of: "no effect") == 1, "\(sweep)")
  }

  @Test("a direction that keeps the worst model is told")
  func contraryDirections() throws {
    let workspace = try TinyWorkspace(trainRows: 20, validationRows: 8)
    for (monitor, mode, other) in [("val_accuracy", "min", "larger"), ("val_loss", "max", "smaller")] {
      let checkpoint = "stages.0.checkpoint={monitor: \(monitor), mode: \(mode)}"
      let run = try workspace.attempt(
        .finetune, set: [checkpoint, "training.maxSteps=1", "run.directory=\(monitor)"])
      #expect(run.status == 0, "\(run)")
      #expect(
        run.output.contains("mode: \(mode) keeps the worst models, as \(monitor) is better the \(other) it is"),
        "\(run)")
    }
  }
}
