import Distillation
import Encoders
import Text

/// What a run loads before its first step, the same on every rank: models and tokenised data.
struct RunInputs: Sendable {
  let teacher: ClassifierModel?
  let student: ClassifierModel
  let tokenizer: Tokenizer
  let training: TrainingData
  let validation: TokenizedDataset?
  /// Where the teacher's features are kept.
  let cache: TeacherCache?
  let notices: [String]

  init(_ configuration: RunConfiguration, threads: Int) throws {
    student = try Self.student(configuration)
    teacher = try Self.teacher(configuration, labels: student.configuration.labels)
    tokenizer = try student.tokenizer()
    try student.checkLength(configuration.data.maxLength)
    if let teacher {
      try teacher.checkLength(configuration.data.maxLength)
      try Self.checkVocabularies(student: student, tokenizer, teacher: teacher)
    }
    training = try TrainingData(
      configuration, labels: student.configuration.labels, tokenizer: tokenizer, threads: threads)
    validation = try Self.validation(configuration, student, tokenizer, threads: threads)
    for data in [training.all, validation].compactMap({ $0 }) {
      try student.check(data)
      try teacher?.check(data)
    }
    if let teacher, let settings = configuration.teacher?.cache {
      cache = TeacherCache(settings, teacher: teacher, threads: threads)
    } else {
      cache = nil
    }
    notices =
      configuration.notices + student.notices + (teacher?.notices ?? []) + training.all.notices
      + (validation?.notices ?? [])
      + (validation.map(training.duplicates) ?? [])
  }

  static func usesTeacherLogits(_ configuration: RunConfiguration) -> Bool {
    configuration.stages.contains { $0.adaptors.contains(where: \.kind.trainsHead) }
  }

  static func student(_ configuration: RunConfiguration) throws -> ClassifierModel {
    try ClassifierModel(
      student: configuration.student, teacherPath: configuration.teacher?.model, task: configuration.task,
      seed: configuration.run.seed)
  }

  /// The teacher, unless no stage learns from one.
  /// - Parameter labels: the student's classes, which are the teacher's too where its logits are learned from.
  static func teacher(_ configuration: RunConfiguration, labels: [String]?) throws -> ClassifierModel? {
    guard let teacher = configuration.teacher, configuration.stages.contains(where: { !$0.adaptors.isEmpty }) else {
      return nil
    }
    // An untrained head would teach noise; where no adaptor reads logits it is never run.
    let usesLogits = usesTeacherLogits(configuration)
    return try ClassifierModel(
      directory: teacher.model, head: usesLogits ? .required : .unread, labels: usesLogits ? labels : nil,
      role: .teacher)
  }

  static func validation(
    _ configuration: RunConfiguration, _ student: ClassifierModel, _ tokenizer: Tokenizer, threads: Int
  ) throws -> TokenizedDataset? {
    let monitor = configuration.stages.first { stage in
      ["val_loss", "val_accuracy", "val_macro_f1", "val_macro_recall"].contains(stage.checkpoint.monitor)
    }
    return try configuration.data.validation.map { source in
      let examples = try source.read(
        labels: student.configuration.labels, labelsKey: "task.labels", areNeeded: monitor != nil)
      guard examples.count > 0 else { throw ModelError("\(source.path): expected at least one row, found none") }
      let suffices = source.missingLabels == .unlabelled && examples.labels.contains { $0 >= 0 }
      if let monitor, !suffices, let row = examples.labels.firstIndex(where: { $0 < 0 }) {
        throw ModelError(
          "\(source.path): row \(row + 1) has no label, but stage \(monitor.name) monitors "
            + "\(monitor.checkpoint.monitor ?? ""); give labels or labelColumn, or leave the row out")
      }
      return try TokenizedDataset(
        examples, tokenizer: tokenizer, maxLength: configuration.data.maxLength, threads: threads)
    }
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
