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
  let notices: [String]

  /// One of those that are learned from.
  struct Teacher: Sendable {
    let weight: Double
    /// `nil` where its predictions take its place.
    let model: ClassifierModel?
    /// Where its features are kept.
    let cache: TeacherCache?
    let predictions: Predictions?
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

  init(_ configuration: RunConfiguration, threads: Int) throws {
    student = try Self.student(configuration)
    let models = try Self.teachers(configuration, labels: student.configuration.labels)
    tokenizer = try student.tokenizer()
    try student.checkLength(configuration.data.maxLength)
    for teacher in models.compactMap({ $0 }) {
      try teacher.checkLength(configuration.data.maxLength)
      try Self.checkVocabularies(student: student, tokenizer, teacher: teacher)
    }
    training = try TrainingData(
      configuration, labels: student.configuration.labels, tokenizer: tokenizer, threads: threads)
    let (validation, hashes) = try Self.validation(configuration, student, tokenizer, threads: threads)
    self.validation = validation
    for model in [student] + models.compactMap({ $0 }) {
      for data in [training.all, validation].compactMap({ $0 }) { try model.check(data) }
    }
    let predictions = try Self.predictions(
      configuration, labels: student.configuration.labels, training: training, validation: hashes)
    teachers = zip(zip(configuration.teachers, models), predictions).map { pair, predictions in
      let (settings, model) = pair
      let cache = settings.cache.flatMap { cache in
        model.map { TeacherCache(cache, teacher: $0, threads: threads) }
      }
      return Teacher(weight: settings.weight, model: model, cache: cache, predictions: predictions)
    }
    notices =
      configuration.notices + student.notices + models.flatMap { $0?.notices ?? [] } + training.all.notices
      + (validation?.notices ?? []) + (validation.map(training.duplicates) ?? [])
  }

  static func usesTeacherLogits(_ configuration: RunConfiguration) -> Bool {
    configuration.stages.contains { $0.adaptors.contains(where: \.kind.trainsHead) }
  }

  static func student(_ configuration: RunConfiguration) throws -> ClassifierModel {
    try ClassifierModel(
      student: configuration.student, teacherPath: configuration.teacher?.model, task: configuration.task,
      seed: configuration.run.seed)
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
        directory: model, head: usesLogits ? .required : .unread, labels: usesLogits ? labels : nil, role: .teacher)
    }
  }

  /// What each teacher's files say of the run's rows, `nil` where it has none.
  static func predictions(
    _ configuration: RunConfiguration, labels: [String], training: TrainingData, validation: [SHA256]?
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
      var parts = training.hashes
      if let validation, let source = configuration.data.validation {
        parts.append(TeacherPredictions.Part(name: source.path, hashes: validation))
      }
      let logits = try files.logits(of: parts)
      return Predictions(
        training: logits.prefix(training.hashes.count).flatMap { $0 },
        validation: logits.dropFirst(training.hashes.count).flatMap { $0 })
    }
  }

  /// - Returns: the validation rows, and their hashes where predictions are to be found by them.
  static func validation(
    _ configuration: RunConfiguration, _ student: ClassifierModel, _ tokenizer: Tokenizer, threads: Int
  ) throws -> (TokenizedDataset?, [SHA256]?) {
    let monitor = configuration.stages.first { stage in
      ["val_loss", "val_accuracy", "val_macro_f1", "val_macro_recall"].contains(stage.checkpoint.monitor)
    }
    guard let source = configuration.data.validation else { return (nil, nil) }
    let examples = try source.read(
      labels: student.configuration.labels, labelsKey: "task.labels", areNeeded: monitor != nil)
    guard examples.count > 0 else { throw ModelError("\(source.path): expected at least one row, found none") }
    let suffices = source.missingLabels == .unlabelled && examples.labels.contains { $0 >= 0 }
    if let monitor, !suffices, let row = examples.labels.firstIndex(where: { $0 < 0 }) {
      throw ModelError(
        "\(source.path): row \(row + 1) has no label, but stage \(monitor.name) monitors "
          + "\(monitor.checkpoint.monitor ?? ""); give labels or labelColumn, or leave the row out")
    }
    return (
      try TokenizedDataset(
        examples, tokenizer: tokenizer, maxLength: configuration.data.maxLength, threads: threads),
      configuration.hasPredictions ? examples.hashes : nil
    )
  }

  /// Both models read the same token ids.
  static func checkVocabularies(
    student: ClassifierModel, _ tokenizer: Tokenizer, teacher: ClassifierModel
  ) throws {
    guard student.tokenizerDirectory != teacher.tokenizerDirectory else { return }
    let other = try teacher.tokenizer()
    let differs = (0..<Int32(max(tokenizer.vocabularySize, other.vocabularySize))).first {
      tokenizer.token(of: $0) != other.token(of: $0)
    }
    if let differs {
      throw ModelError(
        "the student's tokenizer (\(student.tokenizerDirectory)) and the teacher's (\(teacher.tokenizerDirectory)) "
          + "differ at token \(differs): \(tokenizer.token(of: differs).map { "\"\($0)\"" } ?? "none") and "
          + "\(other.token(of: differs).map { "\"\($0)\"" } ?? "none"); use a student with the teacher's vocabulary")
    }
  }
}

extension RunConfiguration {
  /// Whether rows are to be found in files of predictions.
  var hasPredictions: Bool { teachers.contains { !$0.predictions.isEmpty } }
}
