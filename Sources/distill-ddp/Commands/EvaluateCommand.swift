import ArgumentParser
import Checkpoints
import Hub
import JSON
import Text
import Training

/// `distill-ddp evaluate`: how good a model is on labelled data.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a model on labelled data.",
    discussion: """
      Data is a text file and a file of labels, one per line each, one file of labelled rows, or a known dataset:

        distill-ddp evaluate --model runs/teacher/best --data val_text.txt val_labels.txt
        distill-ddp evaluate --model runs/teacher/best --data dev.tsv --text sentence --label label
        distill-ddp evaluate --model runs/teacher/best --data glue/MRPC --format glue/mrpc
      """)

  @Option(help: "A Hugging Face model directory, or a name on the hub.", completion: .directory)
  var model: String

  @OptionGroup var data: LabelledDataOptions

  @OptionGroup var limits: InferenceOptions

  @Option(help: "Of a model that scores pairs: how many rows of a group MRR and nDCG look at (default: 10).")
  var cutoff: Int?

  func validate() throws {
    if let cutoff, cutoff < 1 { throw ValidationError("--cutoff: expected 1 or more, found \(cutoff)") }
  }

  @Flag(help: "Print the result as JSON.")
  var json = false

  func run() throws {
    try onEveryRank(threads: limits.threads) { places in
      try RankAgreement.require(
        RunIdentity(
          command: "evaluate",
          options: [("--json", "\(json)"), ("--cutoff", "\(cutoff ?? 0)")] + limits.agreed),
        among: places.ranks)
      let directory = try places.locate([model], in: .ofEnvironment(isShown: places.ranks.rank == 0))[0].path
      let classifier = try ClassifierModel(directory: directory, head: .required, role: .alone)
      if places.ranks.rank == 0 { for notice in classifier.notices + limits.notices { printError("Note: \(notice)") } }
      let task = try task(of: classifier)
      var source = try data.source(RowInput(data.data[0], ranks: places.ranks))
      // Vectors are scored on pairs alone.
      if task.kind == .embedding, source.pairColumn == nil {
        if case .lines = source.format {
          throw CommandError(
            "\(data.data[0]): vectors are scored on pairs of texts; give a file whose rows have two, and name the column "
              + "of the second with --text-pair")
        }
        source.pairColumn = .name(DatasetSource.pairName)
      }
      let examples = try task.read(
        source, outputs: classifier.configuration.labels, labelsKey: "id2label of the model's config.json")
      if places.ranks.rank == 0 { for notice in examples.notices { printError("Note: \(notice)") } }
      guard examples.count > 0 else { throw CommandError("\(data.data[0]): expected rows, found none") }
      if let row = examples.labels.firstIndex(where: { $0 < 0 }) {
        throw CommandError(
          "\(data.data[0]): row \(row + 1) has no label; evaluate needs one for every row")
      }
      try RankAgreement.require(
        RunIdentity(classifier, examples, threads: places.pool.workers), among: places.ranks)
      var result = EvaluationResult(classifier, task)
      try limits.predict(examples, by: try classifier.tokenizer(), with: classifier, places: places) {
        predictions, rows, _ in
        result.add(predictions, of: rows)
      }
      if places.ranks.rank == 0 { printLine(json ? result.json.text() : result.text) }
    }
  }

  private func task(of classifier: ClassifierModel) throws -> TaskSettings {
    var task = try limits.task(of: classifier)
    for (name, isGiven) in [("--cutoff", cutoff != nil), ("--group", data.group != nil)]
    where isGiven && task.kind != .pairs {
      throw CommandError("\(name): goes with a model of pairs, and this one is of \(task.kind.name)")
    }
    task.cutoff = cutoff ?? task.cutoff
    return task
  }
}

/// What `evaluate` prints.
private struct EvaluationResult {
  private let task: TaskKind
  private let labels: [String]
  private let parameters: Int
  private var rows = 0
  private var answers: Answers
  /// Of the rows so far.
  private var loss = 0.0
  private var targets = 0
  private var seconds = 0.0

  init(_ classifier: ClassifierModel, _ task: TaskSettings) {
    labels = classifier.configuration.labels
    parameters = classifier.parameterCount
    self.task = task.kind
    answers = Answers(task, outputs: labels)
  }

  /// Takes what the model says of some rows; their tokens need not be kept.
  mutating func add(_ predictions: Predictions, of data: TokenizedDataset) {
    let own = (0..<data.count).reduce(0) { $0 + data.targets($1) }
    // The mean over all targets; of one part it is the part's, to the last bit.
    loss =
      targets == 0
      ? predictions.loss
      : (loss * Double(targets) + predictions.loss * Double(own)) / Double(max(1, targets + own))
    targets += own
    rows += data.count
    seconds += predictions.seconds
    answers.append(predictions.logits, of: data)
  }

  private var details: EvaluationDetails { answers.details }

  private var secondsPer1000: Double { seconds / Double(rows) * 1000 }

  private func metrics(_ details: EvaluationDetails) -> [(metric: TaskMetric, value: Double)] {
    (task.hasLoss ? [(.loss, loss)] : []) + answers.metrics + details.figures
  }

  var json: JSON {
    let details = details
    var object = JSONObject(["rows": .integer(rows), "parameters": .integer(parameters)])
    for (metric, value) in metrics(details) { object[metric.name] = .number(value) }
    object["seconds_per_1000"] = .number(secondsPer1000)
    object["labels"] = .array(labels.map(JSON.string))
    for (name, value) in details.members { object[name] = value }
    return .object(object)
  }

  var text: String {
    let details = details
    let facts = table(
      [["rows", grouped(rows)], ["parameters", grouped(parameters)]]
        + metrics(details).map { [$0.metric.title, fixed($0.value, 4)] } + [["s/1,000 rows", fixed(secondsPer1000, 3)]])
    return (facts + details.tables.flatMap { [""] + table($0) }).joined(separator: "\n")
  }
}
