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
  }

  /// The configuration, with defaults in place of what is wrong, and the reader that knows what is.
  static func read(
    yaml: String, file: String, overrides: [String] = []
  ) throws(ConfigurationError) -> (configuration: RunConfiguration, reader: ConfigurationReader) {
    var root = try ConfigurationNode(yaml: yaml, origin: visible(file), isFile: true)
    var problems: [ConfigurationError.Problem] = []
    for override in overrides {
      do { try root.apply(override: override) } catch { problems += error.problems }
    }
    if !problems.isEmpty { throw ConfigurationError(problems: problems) }
    let reader = ConfigurationReader(root: root)
    let configuration = reader.section(root, path: "", pattern: "", under: root, reportsMissing: true) {
      RunConfiguration($0)
    }
    configuration.check(reader)
    return (configuration, reader)
  }

  private init(_ section: ConfigurationSection) {
    let training = section.section("training") { TrainingSettings($0, inheriting: TrainingSettings()) }
    let data = section.section("data") { DataSettings($0) }
    self.init(
      run: section.section("run") { RunSettings($0) },
      data: data,
      student: section.section("student") { StudentSettings($0) },
      stages: StageSettings.readAll(section, inheriting: training, monitors: data.validation != nil))
    task = section.section("task") { TaskSettings($0) }
    if task.labels == nil { task.labels = data.labels(section) }
    teacher = section.sectionUnlessNull("teacher") { section in
      var teacher = TeacherSettings(model: section.require("model", .text("a Hugging Face model directory")) ?? "")
      teacher.cache = section.sectionUnlessNull("cache") { TeacherCacheSettings($0) }
      return teacher
    }
    self.training = training
  }
}

extension RunSettings {
  fileprivate init(_ section: ConfigurationSection) {
    self.init(directory: section.require("directory", .text("the directory to write the run to")) ?? "")
    section.read("seed", .seed, into: &seed)
    section.read("overwrite", .boolean, into: &overwrite)
    section.read("threads", .orNull(.integer(1...1024)), into: &threads)
    section.read("logEverySeconds", .number(from: 0.1, to: 86_400), into: &logEverySeconds)
    if let text = section.read("resume", .text("none, auto or the directory of a state")) { resume = Resume(text) }
    section.read("saveStateEverySteps", .orNull(.integer(1...1_000_000_000)), into: &saveStateEverySteps)
    section.read("saveStateEveryMinutes", .orNull(.number(from: 0.01, to: 100_000)), into: &saveStateEveryMinutes)
    section.read("keepStates", .integer(1...1000), into: &keepStates)
    section.read("onFailedSave", .choice, into: &onFailedSave)
    section.read("maxFailedSaves", .integer(1...1_000_000), into: &maxFailedSaves)
    section.read("tensorboard", .boolean, into: &tensorboard)
    section.read("csv", .boolean, into: &csv)
    stuckRank = section.section("stuckRank") { StuckRankLimits($0) }
  }
}

extension StuckRankLimits {
  fileprivate init(_ section: ConfigurationSection) {
    self.init()
    section.read("warnAfter", .number(from: 0.1, to: 1_000_000), into: &warnAfter)
    section.read("abortAfter", .orNull(.number(from: 0.1, to: 1_000_000)), into: &abortAfter)
    section.read("startWithin", .orNull(.number(from: 0.1, to: 1_000_000)), into: &startWithin)
    if let abortAfter, abortAfter < warnAfter {
      section.report("expected no less than warnAfter, \(warnAfter), found \(abortAfter)", at: "abortAfter")
    }
  }
}

extension TaskSettings {
  fileprivate init(_ section: ConfigurationSection) {
    self.init()
    section.read("kind", .choice, into: &kind)
    guard let node = section.value("labels"), !node.isNull,
      let elements = section.elements("labels", of: "class names")
    else { return }
    let names = elements.compactMap { section.reader.read($0.node, .text("a class name"), path: $0.path) }
    guard names.count == elements.count else { return }
    if names.count < 2 { section.report("expected at least two classes, found \(names.count)", at: "labels") }
    for (index, name) in names.enumerated() where names[..<index].contains(name) {
      section.reader.report(
        "expected each class once, found \(quoted(name)) again", at: elements[index].node, path: elements[index].path)
    }
    labels = names
  }
}

extension DataSettings {
  fileprivate init(_ section: ConfigurationSection) {
    let known = ["train", "validation", "format", "path"].filter { section.value($0) != nil }
    let none = DatasetSource(format: .csv, path: "")
    if known.contains("format") {
      let splits = DatasetSource.splits(section)
      self.init(train: splits?.train ?? none)
      if known.contains("train") {
        section.reportAlternatives(["train", "format"]) {
          $0 == "format" ? "{format: NAME, path: DIR}" : "{train: {text: FILE, labels: FILE}}"
        }
      }
      validation = known.contains("validation") ? nil : splits?.validation
    } else {
      if known.contains("path") { section.report("needs format, the name of the dataset that is there", at: "path") }
      if section.value("train")?.isNull ?? true {
        section.reportMissing("train", "the training data, such as {text: FILE, labels: FILE}")
      }
      self.init(train: section.sectionUnlessNull("train") { DatasetSource($0, split: .train) } ?? none)
    }
    if let source = section.sectionUnlessNull("validation", { DatasetSource($0, split: .validation) }) {
      validation = source
    }
    section.read("maxLength", .integer(3...65_536), into: &maxLength)
  }
}

extension DataSettings {
  /// The classes of a benchmark's task, which go without saying.
  fileprivate func labels(_ section: ConfigurationSection) -> [String]? {
    guard case .layout(let layout, _) = train.format else { return nil }
    do throws(DatasetError) {
      return try layout.labels(in: train.path)
    } catch {
      section.report("\(error)", at: "data")
      return nil
    }
  }
}

extension TeacherCacheSettings {
  fileprivate init(_ section: ConfigurationSection) {
    self.init(path: section.require("path", .text("the directory to keep the teacher's features in")) ?? "")
    section.read("maxBytes", .integer(0...1 << 50), into: &maxBytes)
    section.read("precision", .choice, into: &precision)
  }
}

extension Expected where Value == UInt64 {
  fileprivate static var seed: Expected { Expected<Int>.integer(0...Int.max).map(UInt64.init) }
}
