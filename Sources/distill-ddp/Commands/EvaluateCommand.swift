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

  @Flag(help: "Print the result as JSON.")
  var json = false

  func run() throws {
    try onEveryRank(threads: limits.threads) { places in
      try RankAgreement.require(
        RunIdentity(
          command: "evaluate",
          options: [("--json", "\(json)")] + limits.agreed),
        among: places.ranks)
      let directory = try places.locate([model], in: .ofEnvironment(isShown: places.ranks.rank == 0))[0].path
      let classifier = try ClassifierModel(directory: directory, head: .required, role: .alone)
      if places.ranks.rank == 0 { for notice in classifier.notices + limits.notices { printError("Note: \(notice)") } }
      let task = try limits.task(of: classifier)
      let source = try data.source(RowInput(data.data[0], ranks: places.ranks))
      let examples = try classifier.task.kind.read(
        source, outputs: classifier.configuration.labels, labelsKey: "id2label of the model's config.json")
      if places.ranks.rank == 0 { for notice in examples.notices { printError("Note: \(notice)") } }
      let dataset = try limits.tokenize(examples, for: classifier, threads: places.pool.workers)
      guard dataset.count > 0 else { throw CommandError("\(data.data[0]): expected rows, found none") }
      if let row = dataset.labels.firstIndex(where: { $0 < 0 }) {
        throw CommandError(
          "\(data.data[0]): row \(row + 1) has no label; evaluate needs one for every row"
            + (task.kind == .embedding ? ", and vectors are scored on pairs of texts: name the second with --pair" : "")
        )
      }
      try RankAgreement.require(
        RunIdentity(classifier, examples, threads: places.pool.workers), among: places.ranks)
      let progress = EvaluationProgress(rows: dataset.count)
      guard
        let predictions = try classifier.predict(
          dataset, places: places, precision: limits.precision, progress: progress.show)
      else { return }
      progress.end()
      let result = EvaluationResult(classifier, task, dataset, predictions)
      printLine(json ? result.json.text() : result.text)
    }
  }
}

/// What `evaluate` prints.
private struct EvaluationResult {
  let labels: [String]
  let parameters: Int
  let rows: Int
  let metrics: [(metric: TaskMetric, value: Double)]
  let details: EvaluationDetails
  let secondsPer1000: Double

  init(
    _ classifier: ClassifierModel, _ task: TaskSettings, _ dataset: TokenizedDataset, _ predictions: Predictions
  ) {
    labels = classifier.configuration.labels
    parameters = classifier.parameterCount
    rows = dataset.count
    let answers = Answers(task, outputs: labels, logits: predictions.logits, data: dataset)
    details = answers.details
    metrics = (task.kind.hasLoss ? [(.loss, predictions.loss)] : []) + answers.metrics + details.figures
    secondsPer1000 = predictions.seconds / Double(dataset.count) * 1000
  }

  var json: JSON {
    var object = JSONObject(["rows": .integer(rows), "parameters": .integer(parameters)])
    for (metric, value) in metrics { object[metric.name] = .number(value) }
    object["seconds_per_1000"] = .number(secondsPer1000)
    object["labels"] = .array(labels.map(JSON.string))
    for (name, value) in details.members { object[name] = value }
    return .object(object)
  }

  var text: String {
    let facts = table(
      [["rows", grouped(rows)], ["parameters", grouped(parameters)]]
        + metrics.map { [$0.metric.title, fixed($0.value, 4)] } + [["s/1,000 rows", fixed(secondsPer1000, 3)]])
    return (facts + details.tables.flatMap { [""] + table($0) }).joined(separator: "\n")
  }
}
