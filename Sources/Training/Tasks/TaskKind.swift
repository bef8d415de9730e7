import Distillation
import Encoders
import JSON
import Kernels
import Text

/// A kind of task: what rows are labelled with, what the head gives, how that is scored, and what is written of it. Each
/// is a file beside this one; `all` is the only list of them.
package struct TaskKind: Sendable {
  /// As `task.kind` names it.
  package let name: String
  /// What is predicted, in Markdown.
  let meaning: String
  package let problem: Problem
  /// The fewest outputs of a head.
  let leastOutputs: Int
  /// The most.
  var mostOutputs = Int.max
  /// What outputs are called where neither the task nor a model says it; `nil` where one must.
  let standardOutputs: [String]?
  /// The keys of `task` that go with it besides `labels`.
  var options: [String] = []
  /// What rows are labelled with, given what outputs are called.
  package let targets: @Sendable (TaskSettings, _ outputs: [String]) -> Targets
  let card: Card
  /// What is computed of labelled rows besides the loss, in the order of `measure`.
  package let metrics: [TaskMetric]
  /// Returns the hard loss's sum over a micro-batch's targets and, where gradients are wanted, adds `scale` times the
  /// sum's gradient to them. It is divided by the targets of the global batch (`TokenizedDataset.targets`).
  ///
  /// `nil` where nothing is learned from labels.
  let hardLoss: (@Sendable (TaskSettings, HardLossTerms) -> Double)?
  /// Whether the hard loss is of two rows together, which are then in one global batch. It is computed where a stage learns
  /// from it alone.
  var scoresPairsOfRows = false
  /// The metrics' values, over the rows that have a label.
  let measure: @Sendable (Answers) -> [Double]
  /// What `evaluate` tells besides.
  let details: @Sendable (Answers) -> EvaluationDetails
  /// What `predict` writes of a row.
  let answer: @Sendable (AnsweredRow) -> [AnswerField]
  /// The names of these fields in the order of a table's columns.
  let tableFields: [String]
  /// What a report draws.
  var charts: @Sendable (Answers) -> [TaskChart] = { _ in [] }

  package static let all: [TaskKind] = [
    .classification, .regression, .multilabel, .tokens, .pairs, .embedding, .noTask,
  ]

  package static func named(_ name: String) -> TaskKind? { all.first { $0.name == name } }

  /// The task of a model whose head solves a problem; `nil` where there is none.
  package static func solving(_ problem: Problem) -> TaskKind? { all.first { $0.problem == problem } }

  /// The metric with a key such as `val_accuracy`, of whatever task.
  package static func metric(_ key: String) -> TaskMetric? {
    ([TaskMetric.loss] + all.flatMap(\.metrics)).first { $0.key == key }
  }

  /// What a log calls the loss and the metrics.
  var metricKeys: [String] { ((hasLoss ? [TaskMetric.loss] : []) + metrics).map(\.key) }
  /// Whether labels have a loss wherever there are any.
  package var hasLoss: Bool { hardLoss != nil && !scoresPairsOfRows }
  /// What picks the best checkpoint where nothing else is said.
  var usualMonitor: String { hasLoss ? TaskMetric.loss.key : "val_distillation" }

  /// What a model card says of the task.
  struct Card: Sendable {
    /// As the hub calls it.
    let pipelineTag: String
    /// `Text classification`
    let title: String
    /// `A text classifier`
    let noun: String
    /// What outputs are.
    let outputs: String
    /// Behind `pipeline("…", model=model, tokenizer=tokenizer`.
    let pipelineArguments: String
    /// The class of transformers that opens it.
    let autoClass: String
  }
}

extension TaskKind: Equatable {
  package static func == (a: Self, b: Self) -> Bool { a.name == b.name }
}

/// A number that says how good a model is at a task.
package struct TaskMetric: Sendable {
  /// `macro_f1`, as `evaluate` calls it.
  package let name: String
  /// `macro-F1`
  package let title: String
  /// Where room is short.
  package let short: String
  /// Which values are better.
  package let mode: CheckpointSettings.Mode
  /// What the hub calls it; `nil` where it has no name for it.
  let hub: (type: String, title: String)?

  init(
    _ name: String, _ title: String, short: String? = nil, _ mode: CheckpointSettings.Mode,
    hub: (type: String, title: String)? = nil
  ) {
    self.name = name
    self.title = title
    self.short = short ?? title
    self.mode = mode
    self.hub = hub
  }

  /// The hard loss, which every task has.
  package static let loss = TaskMetric("loss", "loss", .min, hub: ("loss", "Loss"))

  /// As the log and `monitor` call it.
  package var key: String { "val_\(name)" }
  /// The same of test data.
  var testKey: String { "test_\(name)" }

  /// `val_accuracy` for `test_accuracy`, `nil` for all that is not of test data.
  package static func validationKey(ofTest key: String) -> String? {
    key.hasPrefix("test_") ? "val_" + key.dropFirst(5) : nil
  }
}

/// What a hard loss reads of a micro-batch, and where its gradient goes.
struct HardLossTerms {
  /// Its teacher is not looked at.
  let pair: TapPair
  let scale: Double

  var logits: Matrix { pair.student.matrix(.logits) }
  var batch: Batch { pair.batch }
  /// `nil` in evaluation.
  var dLogits: Matrix? { pair.dStudent?.matrix(.logits) }
  var arena: Arena { pair.arena }
}

/// What a model said of rows that have a label, beside what they are labelled with: numbers alone, which rows are added to
/// a few at a time.
package struct Answers: Sendable {
  let task: TaskSettings
  /// What outputs are called.
  let outputs: [String]
  /// Of each row, or of each word that has a tag. (rows or words, outputs)
  private(set) var logits: [Float] = []
  /// The class of each row, or 0 where targets are `values`; of words their tags. (rows or words)
  private(set) var labels: [Int32] = []
  /// Numbers to predict, row after row, or none.
  private(set) var values: [Float] = []
  /// Which rows are ranked together; empty where none are.
  private(set) var groups: [Int32] = []
  /// Of pairs of texts that are compared by their vectors, in the place of `logits`.
  private(set) var cosines: [Double] = []
  /// Where each row's words begin, with the total at the end; of rows of words alone.
  private(set) var wordStarts = [0]

  package init(_ task: TaskSettings, outputs: [String]) { (self.task, self.outputs) = (task, outputs) }

  package init(_ task: TaskSettings, outputs: [String], logits: [[Float]], data: TokenizedDataset) {
    self.init(task, outputs: outputs)
    append(logits, of: data)
  }

  /// Adds a dataset's rows.
  package mutating func append(_ logits: [[Float]], of data: TokenizedDataset) {
    precondition(logits.count == data.count)
    if task.kind == .embedding { return appendCosines(logits, of: data) }
    for row in 0..<data.count where data.label(row) >= 0 {
      if data.areOfWords {
        for (place, tag) in data.tags(row).enumerated() where tag >= 0 {
          self.logits += logits[row][place * outputs.count..<(place + 1) * outputs.count]
          labels.append(tag)
        }
        wordStarts.append(labels.count)
      } else {
        self.logits += logits[row]
        labels.append(data.label(row))
        values += data.values(row)
        if let group = data.group(row) { groups.append(group) }
      }
    }
  }

  /// Pairs of texts are rows side by side, of which the first has the score.
  private mutating func appendCosines(_ vectors: [[Float]], of data: TokenizedDataset) {
    for first in stride(from: 0, to: data.count - 1, by: 2) where data.label(first) >= 0 {
      cosines.append(cosine(vectors[first], vectors[first + 1]))
      labels.append(data.label(first))
      values.append(data.values(first).first ?? 0)
    }
  }

  /// The outputs of a row, or of a word.
  func logits(of index: Int) -> ArraySlice<Float> { logits[index * outputs.count..<(index + 1) * outputs.count] }

  /// The numbers that are a row's target.
  func values(of row: Int) -> ArraySlice<Float> { values[row * outputs.count..<(row + 1) * outputs.count] }

  /// The values of the task's metrics.
  package var metrics: [(metric: TaskMetric, value: Double)] {
    zip(task.kind.metrics, task.kind.measure(self)).map { ($0, $1) }
  }

  package var details: EvaluationDetails { task.kind.details(self) }
  package var charts: [TaskChart] { task.kind.charts(self) }
}

/// What an evaluation tells besides the metrics.
package struct EvaluationDetails: Sendable {
  /// Numbers that are no metrics of a run.
  package var figures: [(metric: TaskMetric, value: Double)] = []
  /// Of the JSON.
  package var members: [(String, JSON)] = []
  /// Rows of cells each; the first is the header.
  package var tables: [[[String]]] = []
}

/// A row as `predict` writes it.
package struct AnsweredRow {
  package let task: TaskSettings
  package let outputs: [String]
  package let logits: [Float]
  /// Of a row of words.
  let words: AnsweredWords?

  package init(_ task: TaskSettings, outputs: [String], logits: [Float], words: AnsweredWords? = nil) {
    (self.task, self.outputs, self.logits, self.words) = (task, outputs, logits, words)
  }

  package var fields: [AnswerField] { task.kind.answer(self) }
  /// As a table has them.
  package var tableFields: [AnswerField] {
    let fields = fields
    return task.kind.tableFields.compactMap { name in fields.first { $0.name == name } }
  }
}

extension JSON {
  /// A number in the fewest digits that read back as the same float.
  static func shortest(_ value: Float) -> JSON { .number(Double(value.description) ?? Double(value)) }
}

/// One of the things that `predict` writes of a row.
package struct AnswerField: Sendable {
  package enum Value: Sendable {
    case json(JSON)
    case names([String])
    /// A number for each output, in the fewest digits that read back as the same.
    case numbers([String])
  }

  /// `probabilities`
  package let name: String
  /// What the columns of numbers begin with in a table: `probability`.
  package let column: String
  package let value: Value

  static func json(_ name: String, _ value: JSON) -> AnswerField {
    AnswerField(name: name, column: name, value: .json(value))
  }

  static func numbers(
    _ name: String, column: String, _ values: [some BinaryFloatingPoint & CustomStringConvertible]
  ) -> AnswerField {
    AnswerField(name: name, column: column, value: .numbers(values.map(\.description)))
  }
}
