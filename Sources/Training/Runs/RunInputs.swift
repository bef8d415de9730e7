import Distillation
import Encoders
import Text

/// What a run loads before its first step, the same on every rank: models and tokenised data.
struct RunInputs: Sendable {
  let teacher: ClassifierModel?
  let student: ClassifierModel
  let tokenizer: Tokenizer
  let train: TokenizedDataset
  let validation: TokenizedDataset?
  /// Where the teacher's features are kept.
  let cache: TeacherCache?
  let notices: [String]

  init(_ configuration: RunConfiguration, threads: Int) throws {
    let usesTeacherLogits = configuration.stages.contains { stage in
      stage.adaptors.contains { $0.kind == .logitMSE || $0.kind == .logitCE }
    }
    let usesTeacher = configuration.stages.contains { !$0.adaptors.isEmpty }
    let student = try ClassifierModel(
      student: configuration.student, teacherPath: configuration.teacher?.model, task: configuration.task,
      seed: configuration.run.seed)
    let teacher =
      usesTeacher
      ? try configuration.teacher.map {
        // An untrained head would teach noise; where no adaptor reads logits it is never run.
        try ClassifierModel(
          directory: $0.model, head: usesTeacherLogits ? .required : .newIfMissing,
          labels: usesTeacherLogits ? student.configuration.labels : nil)
      } : nil

    let tokenizer = try student.tokenizer()
    try student.checkLength(configuration.data.maxLength)
    if let teacher {
      try teacher.checkLength(configuration.data.maxLength)
      try Self.checkVocabularies(student: student, tokenizer, teacher: teacher)
    }

    train = try Self.read(
      configuration.data.train, configuration, student, tokenizer, threads,
      needsLabels: configuration.stages.first { $0.labelWeight != 0 }.map {
        "stage \($0.name) has labelWeight \($0.labelWeight)"
      })
    validation = try configuration.data.validation.map {
      try Self.read(
        $0, configuration, student, tokenizer, threads,
        needsLabels: configuration.stages.first { stage in
          ["val_loss", "val_accuracy", "val_macro_f1", "val_macro_recall"].contains(stage.checkpoint.monitor)
        }.map { "stage \($0.name) monitors \($0.checkpoint.monitor ?? "")" })
    }
    cache = teacher.flatMap { teacher in
      configuration.teacher?.cache.map { TeacherCache($0, teacher: teacher, threads: threads) }
    }
    self.student = student
    self.tokenizer = tokenizer
    self.teacher = teacher
    notices = student.notices + (usesTeacherLogits ? teacher?.notices ?? [] : [])
  }

  /// Both models read the same token ids.
  private static func checkVocabularies(student: ClassifierModel, _ tokenizer: Tokenizer, teacher: ClassifierModel)
    throws
  {
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

  private static func read(
    _ source: DatasetSource, _ configuration: RunConfiguration, _ student: ClassifierModel, _ tokenizer: Tokenizer,
    _ threads: Int, needsLabels: String?
  ) throws -> TokenizedDataset {
    let examples = try source.read(labels: student.configuration.labels)
    guard examples.count > 0 else { throw ModelError("\(source.path): expected at least one row, found none") }
    if let needsLabels, let row = examples.labels.firstIndex(where: { $0 < 0 }) {
      throw ModelError("\(source.path): row \(row + 1) has no label, but \(needsLabels)")
    }
    return try TokenizedDataset(
      examples, tokenizer: tokenizer, maxLength: configuration.data.maxLength, threads: threads)
  }
}
