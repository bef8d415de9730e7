import Collectives
import Distillation
import Text

extension RunConfiguration {
  /// Reads a configuration file, with overrides as `--set` takes them applied in order.
  ///
  /// - Throws: `ConfigurationError` with everything that is wrong.
  package init(path: String, overrides: [String] = []) throws(ConfigurationError) {
    try self.init(yaml: try ConfigurationFile.read(path), file: path, overrides: overrides)
  }

  /// Reads a configuration from its text; `file` is what messages call it.
  package init(yaml: String, file: String, overrides: [String] = []) throws(ConfigurationError) {
    let (configuration, reader) = try Self.read(yaml: yaml, file: file, overrides: overrides)
    if let error = reader.error { throw error }
    self = configuration
    guard !overrides.isEmpty else { return }
    let document = try ConfigurationNode(yaml: yaml, origin: visible(file), isFile: true)
    overridesWithoutEffect =
      OverridesWithoutEffect(overrides, of: document) { root in
        let reader = ConfigurationReader(root: root)
        let configuration = Self.read(reader)
        return reader.error == nil ? [configuration] : nil
      }.notices
  }

  /// The configuration, with defaults in place of what is wrong, and the reader that knows what is.
  static func read(
    yaml: String, file: String, overrides: [String] = []
  ) throws(ConfigurationError) -> (configuration: RunConfiguration, reader: ConfigurationReader) {
    let reader = try reader(yaml: yaml, file: file, overrides: overrides)
    return (read(reader), reader)
  }

  /// A reader of a file's text with overrides, which knows of those that could not be applied.
  static func reader(
    yaml: String, file: String, overrides: [String]
  ) throws(ConfigurationError) -> ConfigurationReader {
    var root = try ConfigurationNode(yaml: yaml, origin: visible(file), isFile: true)
    var problems: [ConfigurationError.Problem] = []
    for override in overrides {
      do { try root.apply(override: override) } catch { problems += error.problems }
    }
    let reader = ConfigurationReader(root: root)
    reader.report(problems)
    return reader
  }

  /// Reads what a reader has, to which problems are told.
  static func read(_ reader: ConfigurationReader) -> RunConfiguration {
    let root = reader.root
    let configuration = reader.section(root, path: "", pattern: "", under: root, reportsMissing: true) {
      RunConfiguration($0)
    }
    configuration.check(reader)
    return configuration
  }

  private init(_ section: ConfigurationSection) {
    let run = section.section("run", "Where a run lives and how it behaves on this machine") { RunSettings($0) }
    let task = section.section("task", "What is predicted") { TaskSettings($0) }
    let data = section.section("data", "The texts that are learned from") { DataSettings($0) }
    let teachers = TeacherSettings.readAll(section)
    let student = section.section(
      "student", "The model that is trained: exactly one of `model`, `fromTeacher` and `config` says where it starts"
    ) { StudentSettings($0) }
    let training = section.section("training", "What every stage inherits") {
      TrainingSettings($0, inheriting: TrainingSettings())
    }
    let stages = StageSettings.readAll(
      section, inheriting: training, unlabelled: data.unlabelled, task: task.kind,
      monitors: data.validation != nil)
    self.init(run: run, data: data, student: student, stages: stages)
    self.task = task
    if task.labels == nil, task.kind == .classification { self.task.labels = data.labels(section) }
    self.teachers = teachers
    section.read(
      "average", .choice, into: &average, "with `teachers`: what of theirs is averaged, by their weights")
    self.training = training
    _ = section.sectionUnlessNull(
      "sweep", "many [runs](sweeps.md) from one configuration, each in a directory of its own in `run.directory`"
    ) { SweepSettings($0) }
  }
}

extension RunSettings {
  fileprivate init(_ section: ConfigurationSection) {
    self.init(
      directory: section.require(
        "directory", .text("the directory to write the run to"),
        "where configuration, metrics, checkpoints and summary go") ?? "")
    section.read(
      "seed", .seed, into: &seed, "seeds every random choice: order of rows, dropout, new parameters")
    section.read("overwrite", .boolean, into: &overwrite, "replace a run that is already in the directory")
    section.read(
      "threads", .orNull(.integer(1...1024)), into: &threads,
      "worker threads of each rank; null takes the cores the rank may use")
    section.read(
      "logEverySeconds", .number(from: 0.1, to: 86_400), into: &logEverySeconds,
      "seconds between progress lines where the console is not a terminal")
    section.read(
      "resume", .resume, into: &resume,
      "go on from a state that an earlier run left; see [reliability](reliability.md#interrupted-runs)")
    section.read(
      "saveStateEverySteps", .orNull(.integer(1...1_000_000_000)), into: &saveStateEverySteps,
      "steps between saves of the state; null saves it with each validation")
    section.read(
      "saveStateEveryMinutes", .orNull(.number(from: 0.01, to: 100_000)), into: &saveStateEveryMinutes,
      "also save the state every so many minutes")
    section.read("keepStates", .integer(1...1000), into: &keepStates, "newest states kept")
    section.read(
      "keepFinalState", .boolean, into: &keepFinalState,
      "keep the last state of a run that has finished, three times its student's size, so that it can train for more epochs"
    )
    section.read(
      "onFailedSave", .choice, into: &onFailedSave, "what to do when a checkpoint or a state cannot be saved")
    section.read(
      "maxFailedSaves", .integer(1...1_000_000), into: &maxFailedSaves,
      "with `continue`: how many saves in a row may fail before the run stops")
    stuckRank = section.section(
      "stuckRank",
      "how long ranks wait for one that neither answers nor waits itself; see "
        + "[reliability](reliability.md#dead-and-stuck-ranks)"
    ) { StuckRankLimits($0) }
    section.read(
      "tensorboard", .boolean, into: &tensorboard,
      "write [TensorBoard](results.md#tensorboard)'s event files to `tensorboard/`")
    section.read("csv", .boolean, into: &csv, "write `metrics.csv` at the end of each stage")
  }
}

extension StuckRankLimits {
  fileprivate init(_ section: ConfigurationSection) {
    self.init()
    section.read(
      "warnAfter", .number(from: 0.1, to: 1_000_000), into: &warnAfter, "seconds until a warning names it")
    section.read(
      "abortAfter", .orNull(.number(from: 0.1, to: 1_000_000)), into: &abortAfter,
      "seconds until the job ends; null waits for ever")
    section.read(
      "startWithin", .orNull(.number(from: 0.1, to: 1_000_000)), into: &startWithin,
      "seconds within which all ranks must have started; null waits for ever")
    if let abortAfter, abortAfter < warnAfter {
      section.report("expected no less than warnAfter, \(warnAfter), found \(abortAfter)", at: "abortAfter")
    }
  }
}

extension DataSettings {
  fileprivate init(_ section: ConfigurationSection) {
    let none = DatasetSource(format: .csv, path: "")
    let train = section.sectionUnlessNull(
      "train", default: .words("required, unless `data.format` is given"), "the training data"
    ) { DatasetSource($0, split: .train) }
    let validation = section.sectionUnlessNull(
      "validation", default: .words("null, or with `data.format` its validation split"),
      "the validation data; without it no metric is monitored, and the last checkpoint is the best"
    ) { DatasetSource($0, split: .validation) }
    let test = section.sectionUnlessNull(
      "test", default: .value(.null),
      "data that the best model is measured on when the run has ended, and that nothing is chosen by"
    ) { DatasetSource($0, split: .test) }
    section.describe(
      "format", .layout, "a [dataset](#datasets-by-name) whose files are known, in place of `data.train`")
    section.describe("path", .directory, "with `data.format`: the directory of the dataset")
    let known = ["train", "validation", "format", "path"].filter { section.value($0) != nil }
    if known.contains("format") {
      let splits = DatasetSource.splits(section)
      self.init(train: splits?.train ?? none)
      if known.contains("train") {
        section.reportAlternatives(["train", "format"]) {
          $0 == "format" ? "{format: NAME, path: DIR}" : "{train: {text: FILE, labels: FILE}}"
        }
      }
      self.validation = known.contains("validation") ? nil : splits?.validation
    } else {
      if known.contains("path") { section.report("needs format, the name of the dataset that is there", at: "path") }
      if section.value("train")?.isNull ?? true {
        section.reportMissing("train", "the training data, such as {text: FILE, labels: FILE}")
      }
      self.init(train: train ?? none)
    }
    if let validation { self.validation = validation }
    self.test = test
    unlabelled = UnlabelledSettings(section, inheriting: UnlabelledSettings())
    section.read(
      "maxLength", .integer(3...65_536), into: &maxLength,
      "longest sequence in tokens, special tokens included; longer ones are truncated")
    section.read(
      "cache", .orNull(.text("a directory")), into: &cache,
      "the directory that keeps the data [as tokens](scaling.md#data), made once a host and read by all ranks and later "
        + "runs; null keeps files of 64 MiB and more in `.tokens` beside the run's directory, and smaller ones in memory"
    )
  }
}

extension DataSettings {
  /// The classes of a benchmark's task, or those that a file names itself, which go without saying.
  fileprivate func labels(_ section: ConfigurationSection) -> [String]? {
    guard case .layout(let layout, _) = train.format else { return train.ownClasses() }
    do throws(DatasetError) {
      return try layout.labels(in: train.path)
    } catch {
      section.report("\(error)", at: "data")
      return nil
    }
  }
}

extension Expected where Value == UInt64 {
  static var seed: Expected {
    Expected<Int>.integer(0...Int.max).map(UInt64.init, back: { Int(clamping: $0) })
  }
}

extension Expected where Value == RunSettings.Resume {
  fileprivate static var resume: Expected {
    Expected<String>.text(
      "none, auto or the directory of a state", form: .either([.words(["none", "auto"]), .text("path")])
    ).map({ Value($0) }, back: \.text)
  }
}
