import Checkpoints
import Hub
import Text
import Training

/// What a report needs the models for.
package struct ReportMeasurements: Sendable {
  /// The teacher, the student and baselines, as far as they are at hand.
  let models: [MeasuredModel]
  let examples: [AttentionExample]
  /// Of the student, with their number.
  let mistakes: (shown: [Mistake], count: Int)
  /// What could not be had, for the reader.
  package let notes: [String]

  /// The sentences whose attention is drawn.
  package enum Sentences: Sendable {
    /// A few short ones of the validation data, of different classes.
    case automatic
    /// Rows of the validation data, from 1.
    case rows([Int])
    case texts([String])
  }

  /// Without models.
  package init(note: String) {
    models = []
    examples = []
    mistakes = ([], 0)
    notes = [note]
  }

  /// Loads the models, runs them over the validation data, and looks at their attention. What is not there any more is
  /// noted; only sentences that were asked for must be there.
  ///
  /// - Parameters:
  ///   - baselines: models, or runs' directories, which stand for their best models.
  ///   - hub: finds models by name in its cache; nothing is downloaded.
  package init(_ run: RecordedRun, baselines: [String], sentences: Sentences, hub: Hub, places: Places) throws {
    var notes: [String] = []
    func attempt<Result>(_ what: String, _ body: () throws -> Result) -> Result? {
      do {
        return try body()
      } catch {
        notes.append("\(what): \(error)")
        return nil
      }
    }
    let configuration =
      attempt("The data sets were not found") { try run.configuration.readingCachedDatasets(hub) } ?? run.configuration
    let studentPath = "\(run.directory)/best"
    let learns = run.learns
    let student = attempt("The \(learns ? "student's " : "")model was not found") {
      try ClassifierModel(
        directory: studentPath, head: .newIfMissing,
        task: configuration.task.kind.problem.hasHead ? nil : configuration.task.kind, role: .alone)
    }
    var teacher = (learns ? configuration.teacher?.model : nil).flatMap { model in
      attempt("The teacher's model was not found") {
        // Its layers are shown whatever its head is; its predictions only where they are of the student's classes.
        try ClassifierModel(
          directory: hub.locate(model, effort: .cache).path, head: .unread,
          labels: student?.configuration.labels, task: student?.task.kind == .embedding ? .embedding : nil,
          role: .teacher)
      }
    }
    let tokenizer = student.flatMap { model in attempt("The tokenizer was not found") { try model.tokenizer() } }
    var examples: Examples?
    var validation: TokenizedDataset?
    if let student, let tokenizer, let source = configuration.data.validation {
      examples = attempt("The validation data was not found") {
        try student.task.read(source, outputs: student.configuration.labels)
      }
      validation = examples.flatMap { examples in
        attempt("The validation data cannot be read") {
          try TokenizedDataset(
            examples, tokenizer: tokenizer, maxLength: configuration.data.maxLength, threads: places.pool.workers)
        }
      }
    }

    var models: [MeasuredModel] = []
    func measure(_ model: ClassifierModel?, _ name: String, _ path: String) {
      guard let model else { return }
      let measured = attempt("\(name) could not be measured") {
        var data = validation
        if let tokenizer, let examples, !(try model.tokenizer().hasSameVocabulary(as: tokenizer)) {
          data = try TokenizedDataset(
            examples, tokenizer: model.tokenizer(), maxLength: configuration.data.maxLength,
            threads: places.pool.workers)
        }
        return try MeasuredModel(model, name: name, path: path, validation: data, places: places)
      }
      if let measured { models.append(measured) }
    }
    measure(teacher, "teacher", configuration.teacher?.model ?? "")
    measure(student, RecordedRun.ownModel(learns: learns), studentPath)
    for baseline in baselines {
      // One that was asked for must be there.
      let path =
        (try? RecordedRun(baseline)) == nil ? try hub.locate(baseline, effort: .cache).path : "\(baseline)/best"
      let model = try ClassifierModel(
        directory: path, head: .newIfMissing, labels: student?.configuration.labels, task: student?.task.kind,
        role: .alone)
      measure(model, baseline, path)
    }
    self.models = models
    mistakes =
      examples.flatMap { examples in
        models.first { $0.path == studentPath }.map { own in
          Mistake.of(own, teacher: models.first { $0.name == "teacher" }, examples)
        }
      } ?? ([], 0)

    guard let student, let tokenizer else {
      self.examples = []
      self.notes = notes
      return
    }
    let chosen = try Self.choose(
      sentences, examples, validation, tokenizer, maxLength: configuration.data.maxLength)
    try student.check(chosen.data)
    if let model = teacher {
      let fits = attempt("The teacher's attention cannot be shown") { () throws -> Bool in
        guard try model.tokenizer().hasSameVocabulary(as: tokenizer) else {
          throw ModelError("its tokens are not the student's")
        }
        try model.check(chosen.data)
        return true
      }
      if fits == nil { teacher = nil }
    }
    let pairs = run.layerPairs(student: student.configuration.layers, teacher: teacher?.configuration.layers)
    self.examples = chosen.rows.map { row in
      AttentionExample(
        name: RecordedRun.ownModel(learns: learns), chosen.examples[row], row: row, of: chosen.data,
        tokenizer: tokenizer, student: student, teacher: teacher,
        pairs: pairs)
    }
    self.notes = notes
  }

  // MARK: Sentences

  private struct Choice {
    let examples: Examples
    let data: TokenizedDataset
    let rows: [Int]
  }

  private static func choose(
    _ sentences: Sentences, _ examples: Examples?, _ validation: TokenizedDataset?, _ tokenizer: Tokenizer,
    maxLength: Int
  ) throws -> Choice {
    if case .texts(let texts) = sentences {
      let examples = try Examples(lines: Array(texts.map { $0 + "\n" }.joined().utf8), name: "the sentences")
      let data = try TokenizedDataset(examples, tokenizer: tokenizer, maxLength: maxLength)
      return Choice(examples: examples, data: data, rows: Array(0..<data.count))
    }
    guard let examples, let validation else {
      if case .rows = sentences {
        throw ModelError("--rows: expected the run's validation data, found none; give --sentences FILE")
      }
      let none = try Examples(lines: [], name: "")
      return Choice(examples: none, data: try TokenizedDataset(none, tokenizer: tokenizer, maxLength: nil), rows: [])
    }
    guard case .rows(let rows) = sentences else {
      return Choice(examples: examples, data: validation, rows: validation.rowsToLookAt)
    }
    if let row = rows.first(where: { $0 < 1 || $0 > validation.count }) {
      throw ModelError("--rows: expected numbers from 1 to \(validation.count), the validation rows, found \(row)")
    }
    return Choice(examples: examples, data: validation, rows: rows.map { $0 - 1 })
  }
}

extension RecordedRun {
  /// What a run's own model is called: a student only where it has a teacher.
  static func ownModel(learns: Bool) -> String { learns ? "student" : "model" }

  /// Whether any stage learns from a teacher.
  var learns: Bool { configuration.stages.contains { !$0.adaptors.isEmpty } }

  /// The layers whose attention is shown; without a teacher the student's alone.
  fileprivate func layerPairs(student: Int, teacher: Int?) -> [ComparedLayers] {
    ComparedLayers.of(
      teacher == nil ? [] : stages.flatMap(\.adaptors).map { ($0.name, $0.pairs) }, student: student,
      teacher: teacher ?? student)
  }
}
