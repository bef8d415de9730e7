import Distillation
import Encoders
import Kernels
import Text

/// What a run loads before its first step, the same on every rank: models and tokenised data.
struct RunInputs: Sendable {
  /// As the configuration names them; none where no stage learns from one.
  let teachers: [Teacher]
  let student: ClassifierModel
  let tokenizer: Tokenizer
  let training: TrainingData
  let validation: TokenizedDataset?
  /// As the configuration has it, with numbers for balanced classes.
  let task: TaskSettings
  let test: TokenizedDataset?
  let notices: [String]
  /// Tokens that this rank made in place of damaged ones.
  let repairs: [String]

  /// One of those that are learned from.
  struct Teacher: Sendable {
    let weight: Double
    /// `nil` where its predictions take its place.
    let model: ClassifierModel?
    /// Where its features are kept.
    let cache: TeacherCache?
    let predictions: Predictions?
    /// The run's rows in its own tokens, where they are not the student's.
    let texts: TeacherTexts?
  }

  /// What a teacher with a vocabulary of its own reads, row for row what the student reads.
  struct TeacherTexts: Sendable {
    let training: TrainingData
    let validation: TokenizedDataset?
  }

  /// What a teacher said of the run's rows: their logits, row after row.
  struct Predictions: Sendable {
    /// Of `TrainingData.all`.
    let training: [Float]
    let validation: [Float]
  }

  /// The first that is a model.
  var teacher: ClassifierModel? { teachers.lazy.compactMap(\.model).first }
  /// What adaptors are made for: predictions have the student's classes.
  var teacherConfiguration: EncoderConfiguration? {
    teacher?.configuration ?? (teachers.isEmpty ? nil : student.configuration)
  }

  /// - Parameters:
  ///   - threads: of this rank.
  ///   - ranksOfHost: how many read the same on this host.
  init(_ configuration: RunConfiguration, threads: Int, ranksOfHost: Int = 1) throws {
    student = try Self.student(configuration, threads: threads, ranksOfHost: ranksOfHost)
    let models = try Self.teachers(configuration, labels: student.configuration.labels)
    tokenizer = try student.tokenizer()
    try student.checkLength(configuration.data.maxLength)
    for teacher in models.compactMap({ $0 }) { try teacher.checkLength(configuration.data.maxLength) }
    let tokenizers = try models.map { [student, tokenizer] model in
      try model.flatMap { try Self.ownTokenizer(of: $0, besides: tokenizer, of: student, configuration) }
    }
    // Several teachers are learned from by their logits.
    let aligns = configuration.comparesWords && tokenizers.count == 1 && tokenizers[0] != nil
    func reader(_ tokenizer: Tokenizer) -> SourceReader {
      SourceReader(
        configuration, tokenizer: tokenizer, keepsOffsets: aligns, threads: threads, ranksOfHost: ranksOfHost)
    }
    let read = try TrainingData(configuration, labels: student.configuration.labels, reader(tokenizer))
    let rows = try Self.validation(configuration, student, reader(tokenizer))
    test = try Self.test(configuration, student, reader(tokenizer))
    let texts = try tokenizers.map { [student] own in
      try own.map { try Self.texts(configuration, student, reader($0), like: read, rows) }
    }
    let own = aligns ? texts[0] : nil
    training = own.map { read.aligned(with: $0.training) } ?? read
    validation = own?.validation.flatMap { rows?.aligned(with: $0) } ?? rows
    for (model, own) in [(student, nil)] + zip(models, texts).compactMap({ model, own in model.map { ($0, own) } }) {
      for data in [own?.training.all ?? training.all, own == nil ? validation : own?.validation].compactMap({ $0 }) {
        try model.check(data)
      }
    }
    var task = configuration.task
    task.classWeights = try task.classWeights?.resolved(
      read.all.labels, classes: student.configuration.labels, path: configuration.data.train.path)
    self.task = task
    if let test { try student.check(test) }
    let predictions = try Self.predictions(
      configuration, labels: student.configuration.labels, training: training, validation: rows)
    teachers = configuration.teachers.indices.prefix(models.count).map { index in
      let (settings, model) = (configuration.teachers[index], models[index])
      let cache = settings.cache.flatMap { cache in
        model.map { TeacherCache(cache, teacher: $0, precision: settings.precision.resolved, threads: threads) }
      }
      return Teacher(
        weight: settings.weight, model: model, cache: cache, predictions: predictions[index], texts: texts[index])
    }
    let sets = [read.all, rows, test] + texts.flatMap { [$0?.training.all, $0?.validation] }
    repairs = sets.flatMap { $0?.repairs ?? [] }
    notices =
      configuration.notices + Self.notices(ofWeights: task, configuration, student.configuration.labels)
      + student.notices + models.flatMap { $0?.notices ?? [] } + training.all.notices
      + (validation?.notices ?? []) + (validation.map(training.duplicates) ?? []) + (test?.notices ?? [])
  }

  /// What balanced classes weigh.
  private static func notices(
    ofWeights task: TaskSettings, _ configuration: RunConfiguration, _ classes: [String]
  ) -> [String] {
    guard configuration.task.classWeights == .balanced, let weights = task.classWeights?.numbers else { return [] }
    let shown = zip(classes, weights).map { "\($0.escapedForDisplay) \(fixed($1, 3))" }
    return ["task.classWeights: balanced: \(shown.joined(separator: ", "))"]
  }

  static func usesTeacherLogits(_ configuration: RunConfiguration) -> Bool {
    configuration.stages.contains { $0.adaptors.contains(where: \.kind.trainsHead) }
  }

  static func student(
    _ configuration: RunConfiguration, threads: Int, ranksOfHost: Int = 1
  ) throws -> ClassifierModel {
    let model = try ClassifierModel(
      student: configuration.student, teacherPath: configuration.teacher?.model, task: configuration.task,
      seed: configuration.run.seed)
    try configuration.task.check(outputs: model.configuration.labels.count)
    guard let vocabulary = configuration.student.vocabulary else { return model }
    return try model.with(
      SmallerVocabulary(
        vocabulary, of: model.tokenizer(), name: model.tokenizerDirectory, configuration: configuration,
        labels: model.configuration.labels, threads: threads, ranksOfHost: ranksOfHost))
  }

  /// The teachers, each `nil` where its predictions take its place; none where no stage learns from one.
  /// - Parameter labels: the student's classes, which are the teacher's too where its logits are learned from.
  static func teachers(_ configuration: RunConfiguration, labels: [String]?) throws -> [ClassifierModel?] {
    guard configuration.stages.contains(where: { !$0.adaptors.isEmpty }) else { return [] }
    // An untrained head would teach noise; where no adaptor reads logits it is never run.
    let usesLogits = usesTeacherLogits(configuration)
    return try configuration.teachers.map { teacher in
      guard teacher.predictions.isEmpty, let model = teacher.model else { return nil }
      return try ClassifierModel(
        directory: model, head: usesLogits ? .required : .unread, labels: usesLogits ? labels : nil,
        task: usesLogits ? configuration.task.kind : nil, role: .teacher)
    }
  }

  /// What each teacher's files say of the run's rows, `nil` where it has none.
  static func predictions(
    _ configuration: RunConfiguration, labels: [String], training: TrainingData, validation: TokenizedDataset?
  ) throws -> [Predictions?] {
    guard configuration.stages.contains(where: { !$0.adaptors.isEmpty }) else { return [] }
    return try configuration.teachers.map { teacher in
      guard !teacher.predictions.isEmpty else { return nil }
      let files = try TeacherPredictions(paths: teacher.predictions, labels: labels)
      let adaptors = configuration.stages.flatMap(\.adaptors)
      if files.kind == .labels, adaptors.contains(where: { $0.kind.name == "LogitMSE" && $0["on"] == .word("logits") })
      {
        throw ModelError(
          "\(teacher.predictions[0]): LogitMSE compares logits, and the file has labels alone; use LogitCE with temperature 1"
        )
      }
      if configuration.task.kind != .classification, files.kind != .logits {
        throw ModelError(
          "\(teacher.predictions[0]): expected logits, as the task is \(configuration.task.kind.name), found "
            + files.kind.rawValue)
      }
      var parts = training.hashes
      if let validation, let source = configuration.data.validation {
        parts.append(TeacherPredictions.Part(name: source.name, hashes: validation.hashes))
      }
      let logits = try files.logits(of: parts)
      return Predictions(
        training: logits.prefix(training.hashes.count).flatMap { $0 },
        validation: logits.dropFirst(training.hashes.count).flatMap { $0 })
    }
  }

  static func validation(
    _ configuration: RunConfiguration, _ student: ClassifierModel, _ reader: SourceReader
  ) throws -> TokenizedDataset? {
    let monitor = configuration.stages.first { stage in
      stage.checkpoint.monitor.map { $0 == TaskMetric.loss.key || configuration.task.kind.metricKeys.contains($0) }
        ?? false
    }
    guard let source = configuration.data.validation else { return nil }
    let rows = try reader.read(
      source, outputs: student.configuration.labels, areNeeded: monitor != nil, areRanked: true)
    let suffices = source.missingLabels == .unlabelled && rows.labelledRows > 0
    if let monitor, !suffices, let row = rows.firstUnlabelledRow {
      throw ModelError(
        "\(source.name): row \(row + 1) has no label, but stage \(monitor.name) monitors "
          + "\(monitor.checkpoint.monitor ?? ""); give labels or labelColumn, or leave the row out")
    }
    return rows
  }

  /// A teacher's tokenizer, or `nil` where both models read the same token ids.
  ///
  /// - Throws: where vocabularies differ and adaptors compare more than sentences as a whole.
  static func ownTokenizer(
    of teacher: ClassifierModel, besides tokenizer: Tokenizer, of student: ClassifierModel,
    _ configuration: RunConfiguration
  ) throws -> Tokenizer? {
    guard student.tokenizerDirectory != teacher.tokenizerDirectory || student.ownTokenizer != nil else { return nil }
    let other = try teacher.tokenizer()
    guard let differs = tokenizer.firstDifference(from: other) else { return nil }
    let goesByTokens = configuration.task.kind == .tokens
    let adaptors = configuration.stages.flatMap(\.adaptors)
    guard
      let adaptor = adaptors.first(where: { goesByTokens || !$0.kind.trainsHead && !$0.comparesWords })
    else { return other }
    let remedy = goesByTokens ? "" : ", align: words in its entry,"
    func token(_ tokenizer: Tokenizer) -> String { tokenizer.token(of: differs).map { "\"\($0)\"" } ?? "none" }
    throw ModelError(
      "the student's tokenizer (\(student.tokenizerDirectory)\(student.ownTokenizer == nil ? "" : ", made smaller")) and "
        + "the teacher's (\(teacher.tokenizerDirectory)) differ at token \(differs): \(token(tokenizer)) and "
        + "\(token(other)); \(adaptor.kind.name) compares token by token: use a student with the teacher's "
        + "vocabulary\(remedy) or adaptors of logits alone")
  }

  /// The run's rows once more, in a teacher's own tokens.
  static func texts(
    _ configuration: RunConfiguration, _ student: ClassifierModel, _ reader: SourceReader, like training: TrainingData,
    _ validation: TokenizedDataset?
  ) throws -> TeacherTexts {
    let texts = TeacherTexts(
      training: try TrainingData(configuration, labels: student.configuration.labels, reader),
      validation: try Self.validation(configuration, student, reader))
    let isSame = validation.flatMap { rows in texts.validation.map { $0.hasSameLabels(as: rows) } } ?? true
    guard texts.training.all.hasSameLabels(as: training.all), isSame else {
      throw ModelError(
        "\(configuration.data.train.name): the data changed while it was read; start again when it is complete")
    }
    return texts
  }
}

extension RunConfiguration {
  /// Whether some adaptor compares models by words.
  fileprivate var comparesWords: Bool { stages.contains { $0.adaptors.contains(where: \.comparesWords) } }
}
