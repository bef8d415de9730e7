import Checkpoints
import Distillation
import Encoders
import Glibc
import Hub
import JSON
import Kernels
import Limits
import Text

/// What a run would do, found by reading what it would read; nothing is trained and nothing is written.
package struct RunPreview: Sendable {
  package struct Model: Sendable {
    package let layers: Int
    package let hiddenSize: Int
    package let heads: Int
    package let parameters: Int
    package let labels: [String]
  }

  package struct Data: Sendable {
    package let rows: Int
    /// Tokens, special ones included and truncation done.
    package let meanLength: Double
    package let maximumLength: Int
    package let truncated: Int
  }

  /// All that would stop the run, each with the key it comes from. The rest is complete only if there are none.
  package private(set) var problems: [String] = []
  package private(set) var notices: [String] = []
  package private(set) var teacher: Model?
  package private(set) var student: Model?
  private var training: TrainingData?
  /// With texts without labels.
  package private(set) var train: Data?
  package private(set) var validation: Data?
  package private(set) var test: Data?
  package private(set) var stages: [StageOverview] = []

  /// - Parameters:
  ///   - resume: where the run is to begin, in place of what the configuration says.
  ///   - allowsChanges: whether a run may go on although its configuration, data or models have changed.
  ///   - hub: finds models by name in its cache; nothing is downloaded.
  package init(
    _ configuration: RunConfiguration, resume: RunSettings.Resume? = nil, allowsChanges: Bool = false, hub: Hub
  ) {
    let given = configuration.withPrecisionResolved
    let beginning = Beginning(given, resume: resume ?? given.run.resume, allowsChanges: allowsChanges)
    let prospect = checkDirectory(beginning)
    let locations = configuration.models.map { key, model in attempt(key) { try hub.locate(model, effort: .cache) } }
    let lacking = zip(configuration.models, locations).filter { $1 == nil }.map(\.0.key)
    let lacksTeacher = lacking.contains { $0.hasPrefix("teacher") }
    let withFiles = attempt("data") { try given.readingCachedDatasets(hub) }
    guard let withFiles else { return }
    let configuration = withFiles.reading(locations.map { $0 ?? Hub.Location(path: "") })
    // What was not found has been told.
    let lacksStudent = lacking.contains { $0.hasPrefix("student") } || lacksTeacher && configuration.student.isOfTeacher
    let student =
      lacksStudent
      ? nil : attempt("student") { try RunInputs.student(configuration, threads: configuration.run.threads ?? 1) }
    let labels = student?.configuration.labels ?? configuration.task.labels
    let teachers =
      lacksTeacher ? [] : attempt("teacher") { try RunInputs.teachers(configuration, labels: labels) } ?? []
    let teacher = teachers.lazy.compactMap { $0 }.first
    readModels(configuration, student, teacher)
    let tokenizer = student.flatMap { student in attempt("student") { try student.tokenizer() } }
    var own: Tokenizer?
    if let student, let tokenizer {
      for model in teachers.compactMap({ $0 }) {
        let other = attempt("student") {
          try RunInputs.ownTokenizer(of: model, besides: tokenizer, of: student, configuration)
        }
        own = own ?? other ?? nil
      }
    }
    if let student, let tokenizer {
      // One with a tokenizer of its own has a row for each of its tokens.
      readData(configuration, student, tokenizer, own == nil ? teacher : nil)
    } else {
      readTexts(configuration, labels)
    }
    if let student { readStages(configuration, student, teacher) }
    if problems.isEmpty, let prospect { readWhole(configuration, beginning, prospect) }
  }

  /// Where the run begins.
  private struct Beginning {
    let configuration: RunConfiguration
    let resume: RunSettings.Resume
    let allowsChanges: Bool
    let directory: RunDirectory
    let states: StateDirectory

    init(_ configuration: RunConfiguration, resume: RunSettings.Resume, allowsChanges: Bool) {
      self.configuration = configuration
      self.resume = resume
      self.allowsChanges = allowsChanges
      directory = RunDirectory(path: configuration.run.directory)
      states = StateDirectory(directory, configuration.run)
    }
  }

  /// What the run would find in its directory before it loads anything.
  private mutating func checkDirectory(_ beginning: Beginning) -> Resumption.Prospect? {
    attempt("run.directory") { try beginning.directory.checkIsFree() }
    let prospect = attempt("run.directory") {
      try beginning.directory.prospect(
        beginning.configuration, resume: beginning.resume, states: beginning.states,
        allowsChanges: beginning.allowsChanges)
    }
    if case .finished = prospect {
      notices.append("\(beginning.directory.path): the run has finished already; there is nothing to resume")
    }
    return prospect
  }

  /// What only all of it together tells: whether a state is of this run, and whether there is room for what it writes.
  private mutating func readWhole(
    _ configuration: RunConfiguration, _ beginning: Beginning, _ prospect: Resumption.Prospect
  ) {
    let threads = configuration.run.threads ?? 1
    guard let inputs = attempt("run", { try RunInputs(configuration, threads: threads) }) else { return }
    for (index, stage) in configuration.stages.enumerated() {
      attempt("stages.\(stage.name)") { try StageRun.check(stage, index: index, inputs: inputs) }
    }
    let directory = beginning.directory
    if case .states(let candidates) = prospect {
      let choice = attempt("run.resume") {
        try directory.choose(
          candidates, from: beginning.states, resume: beginning.resume,
          identity: try RunIdentity(beginning.configuration, inputs, threads: threads),
          configuration: beginning.configuration, inputs: inputs, allowsChanges: beginning.allowsChanges)
      }
      notices += choice?.notices ?? []
    }
    // What a run that is replaced gives back is not counted.
    let replaces = if case .start = prospect { directory.exists("\(directory.path)/config.yaml") } else { false }
    if case .finished = prospect { return }
    guard !replaces, let plan = attempt("run", { try RunPlan(configuration, inputs) }) else { return }
    attempt("run.directory") { try requireDiskSpace(plan.leastBytes, at: directory.path) }
    let memory = plan.memory(ranks: 1, threads: threads)
    notices += memory.warning(ranks: 1, used: ProcessMemory.bytes(), limits: MemoryLimit.all()).map { [$0] } ?? []
  }

  /// What `body` gives, or `nil` with its error among the problems.
  @discardableResult
  private mutating func attempt<Result>(_ key: String, _ body: () throws -> Result) -> Result? {
    do {
      return try body()
    } catch {
      let text = "\(error)"
      let problem = text.hasPrefix(key) || text.hasPrefix("data.") || text.hasPrefix("run.") ? text : "\(key): \(text)"
      // A limit that both models have is one problem.
      if !problems.contains(problem) { problems.append(problem) }
      return nil
    }
  }

  private mutating func readModels(
    _ configuration: RunConfiguration, _ student: ClassifierModel?, _ teacher: ClassifierModel?
  ) {
    notices += configuration.notices
    self.student = student.map(Model.init)
    self.teacher = teacher.map(Model.init)
    notices += (student?.notices ?? []) + (teacher?.notices ?? [])
    for (key, model) in [("student", student), ("teacher", teacher)] {
      if let model { attempt(key) { try model.checkLength(configuration.data.maxLength) } }
    }
  }

  private mutating func readData(
    _ configuration: RunConfiguration, _ student: ClassifierModel, _ tokenizer: Tokenizer, _ teacher: ClassifierModel?
  ) {
    var notices: [String] = []
    func checked(_ data: TokenizedDataset) throws -> Data {
      // Of rows that are too long, the limit is at fault, which is told already.
      let models = [student, teacher].compactMap(\.self)
      if models.allSatisfy({ configuration.data.maxLength <= $0.configuration.maxLength }) {
        for model in models { try model.check(data) }
      }
      notices += data.notices
      return Data(data)
    }
    let reader = SourceReader(configuration, tokenizer: tokenizer, threads: configuration.run.threads ?? 1)
    var rows: TokenizedDataset?
    let texts = configuration.texts.map { findFiles(of: $0, "data.unlabelled") }
    if findFiles(of: configuration.data.train, "data.train"), !texts.contains(false) {
      training = attempt("data.train") {
        let data = try TrainingData(configuration, labels: student.configuration.labels, reader)
        _ = try checked(data.all)
        return data
      }
      train = training.map { Data($0.all) }
    }
    if let source = configuration.data.validation, findFiles(of: source, "data.validation") {
      rows = attempt("data.validation") { try RunInputs.validation(configuration, student, reader) } ?? nil
      if let rows { validation = attempt("data.validation") { try checked(rows) } }
    }
    if let source = configuration.data.test, findFiles(of: source, "data.test") {
      test =
        attempt("data.test") {
          try RunInputs.test(configuration, student, reader).map(checked)
        } ?? nil
    }
    if let training, configuration.data.validation == nil || validation != nil {
      attempt("teacher.predictions") {
        try RunInputs.predictions(
          configuration, labels: student.configuration.labels, training: training, validation: rows)
      }
    }
    self.notices += notices
  }

  /// As far as data can be checked without a student to read it.
  private mutating func readTexts(_ configuration: RunConfiguration, _ labels: [String]?) {
    let sources =
      [("data.train", configuration.data.train)]
      + [("data.validation", configuration.data.validation), ("data.test", configuration.data.test)].compactMap {
        key, source in source.map { (key, $0) }
      }
    for (key, source) in sources where findFiles(of: source, key) {
      attempt(key) { try configuration.task.read(source, outputs: labels) }
    }
    for source in configuration.texts where findFiles(of: source, "data.unlabelled") {
      attempt("data.unlabelled") { try source.read(nil) }
    }
  }

  /// Whether a source's files can be opened. Those that cannot are all reported, where reading stops at the first.
  private mutating func findFiles(of source: DatasetSource, _ key: String) -> Bool {
    guard attempt(key, { try source.files() }) != nil else { return false }
    var found = true
    for path in source.openedPaths where access(path, R_OK) != 0 {
      problems.append("\(key): \(path.escapedForDisplay): cannot be opened: \(String(cString: strerror(errno)))")
      found = false
    }
    return found
  }

  private mutating func readStages(
    _ configuration: RunConfiguration, _ student: ClassifierModel, _ teacher: ClassifierModel?
  ) {
    for (index, stage) in configuration.stages.enumerated() {
      let key = "stages.\(stage.name)"
      var layout = ParameterLayout()
      let encoder = Encoder(student.configuration, layout: &layout)
      var adaptors: [(WeightedAdaptor, compared: String)] = []
      for (name, settings) in zip(AdaptorSettings.metricKeys(of: stage.adaptors), stage.adaptors) {
        let predicted = configuration.hasPredictions ? student.configuration : nil
        guard let teacher = teacher?.configuration ?? predicted else { break }
        let adaptor = attempt("\(key).adaptors") {
          try settings.makeAdaptor(
            name: name, student: student.configuration, teacher: teacher, layout: &layout)
        }
        if let adaptor { adaptors.append((adaptor, settings.compared)) }
      }
      guard let rows = training?[index].count else { continue }
      let batches = attempt(key) { try StageRun.epochBatches(stage.training, rows: rows) } ?? []
      if !batches.isEmpty {
        notices +=
          StageWarnings(
            stage, epochBatches: batches, rows: rows, validates: configuration.data.validation != nil
          ).texts
      }
      stages.append(
        StageOverview(
          name: stage.name, index: index + 1, count: configuration.stages.count, steps: batches.reduce(0, +),
          epochs: batches.count,
          trainedParameters: StageRun.updatedParameters(stage, of: layout, student: encoder).count,
          adaptors: adaptors.map { weighted, compared in
            (weighted.adaptor.name, weighted.weight, weighted.adaptor.pairs.map { ($0.student, $0.teacher) }, compared)
          },
          labelWeight: stage.labelWeight,
          monitor: configuration.data.validation == nil ? nil : stage.checkpoint.monitor))
    }
  }
}

extension RunConfiguration {
  /// The sources of texts without labels, of all stages.
  fileprivate var texts: [DatasetSource] {
    stages.flatMap(\.unlabelled.sources).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }
}

extension RunPreview.Model {
  fileprivate init(_ model: ClassifierModel) {
    layers = model.configuration.layers
    hiddenSize = model.configuration.hiddenSize
    heads = model.configuration.heads
    parameters = model.parameterCount
    labels = model.configuration.labels
  }
}

extension RunPreview.Data {
  fileprivate init(_ data: TokenizedDataset) {
    rows = data.count
    meanLength = data.meanLength
    maximumLength = data.maximumLength
    truncated = data.truncatedRows
  }
}

// MARK: JSON

extension RunPreview {
  package var json: JSON {
    [
      "valid": .bool(problems.isEmpty), "problems": .array(problems.map(JSON.string)),
      "notices": .array(notices.map(JSON.string)), "teacher": teacher?.json ?? .null, "student": student?.json ?? .null,
      "train": train?.json ?? .null, "validation": validation?.json ?? .null,
      "test": test?.json ?? .null,
      "stages": .array(stages.map { TrainingEvent.stageStarted($0).json.without("event") }),
    ]
  }

  /// Of a configuration that could not be read.
  package static func json(problems: [String]) -> JSON {
    ["valid": false, "problems": .array(problems.map(JSON.string))]
  }
}

extension RunPreview.Model {
  fileprivate var json: JSON {
    [
      "layers": .integer(layers), "hidden_size": .integer(hiddenSize), "heads": .integer(heads),
      "parameters": .integer(parameters), "labels": .array(labels.map(JSON.string)),
    ]
  }
}

extension RunPreview.Data {
  fileprivate var json: JSON {
    [
      "rows": .integer(rows), "mean_length": .number(meanLength), "maximum_length": .integer(maximumLength),
      "truncated_rows": .integer(truncated),
    ]
  }
}

extension JSON {
  fileprivate func without(_ key: String) -> JSON {
    guard var object else { return self }
    object[key] = nil
    return .object(object)
  }
}
