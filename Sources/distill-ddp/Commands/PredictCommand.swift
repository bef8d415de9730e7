import ArgumentParser
import Hub
import JSON
import Text
import Training

/// `distill-ddp predict`: a model's answer to each text.
struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Predict the class, or the score, of each text.",
    discussion: """
      Writes one JSON object per line, in the order of the input: what the model's task gives (the label, each class's logit
      and probability; or the score), and the hash of the text. An output called .csv or .tsv is a table of the same
      without hashes. A student can learn from such a file in
      place of the model: teacher.predictions.

        distill-ddp predict --model runs/teacher/best --input tweets.txt
        distill-ddp predict --model DIR --input dev.tsv --text sentence --output FILE
        distill-ddp predict --model DIR --input reviews.csv --keep id,text --output predictions.csv
        zcat tweets.txt.gz | distill-ddp predict --model DIR --input -
      """)

  @Option(help: "A Hugging Face model directory, or a name on the hub.", completion: .directory)
  var model: String

  @OptionGroup var input: TextInputOptions

  @Option(
    help: "The file to write, a table if it is called .csv or .tsv; - is standard output.",
    completion: .file(extensions: ["jsonl", "csv", "tsv"]))
  var output = "-"

  @Option(
    help: ArgumentHelp(
      "Columns of the input to write along with each prediction, such as id,text; of lines, text.",
      valueName: "columns"))
  var keep: [String] = []

  @OptionGroup var limits: InferenceOptions

  func run() throws {
    try onEveryRank(threads: limits.threads) { places in
      let isRoot = places.ranks.rank == 0
      let destination = ResultDestination(output)
      try RankAgreement.require(
        RunIdentity(
          command: "predict",
          options: [("--output", output)] + limits.agreed),
        among: places.ranks)
      let claim = isRoot ? try destination.claim(allowsStreams: true) : nil
      defer { withExtendedLifetime(claim) {} }
      let directory = try places.locate([model], in: .ofEnvironment(isShown: isRoot))[0].path
      let classifier = try ClassifierModel(directory: directory, head: .newIfMissing, role: .alone)
      try Self.requireHead(of: classifier, model: model)
      if isRoot { for notice in classifier.notices + limits.notices { printError("Note: \(notice)") } }
      let examples = try input.read(
        RowInput(input.input, ranks: places.ranks), keeping: kept,
        for: classifier.task.kind == .tokens ? .tags(classifier.configuration.labels) : nil)
      try Self.require(
        examples, areFor: classifier, input.input, remedy: "name the column of the second with --text-pair")
      if isRoot { for notice in examples.notices { printError("Note: \(notice)") } }
      let tokenizer = try classifier.tokenizer()
      try RankAgreement.require(
        RunIdentity(classifier, examples, threads: places.pool.workers), among: places.ranks)
      let rows = PredictionRows(
        to: output, task: try limits.task(of: classifier), labels: classifier.outputNames, kept: kept)
      let results = isRoot ? try ResultStream(destination) : nil
      try results?.write(rows.header)
      try limits.predict(examples, by: tokenizer, with: classifier, places: places) { predictions, dataset, first in
        try results?.write(try rows.bytes(predictions.logits, of: dataset, from: first, in: examples, model: model))
      }
      try results?.finish()
    }
  }

  /// - Parameter model: what the error calls it.
  static func requireHead(of classifier: ClassifierModel, model: String) throws(CommandError) {
    guard !classifier.hasTrainedHead else { return }
    throw CommandError(
      "\(model.escapedForDisplay): expected a model with a classification head, found none; fine-tune it first, "
        + "with distill-ddp --config configs/finetune.yaml --set student.model=\(model.escapedForDisplay)")
  }

  /// A vector is of one text, and other scores are of two.
  static func require(
    _ examples: Examples, areFor classifier: ClassifierModel, _ name: String, remedy: String
  ) throws {
    try classifier.task.requirePairs(examples, path: name, remedy: remedy)
    guard classifier.task.kind == .embedding, examples.hasPairs else { return }
    throw CommandError(
      "expected single texts, as the model gives a vector for each, found pairs; give the two columns one after the other"
    )
  }

  private var kept: [String] { keep.flatMap { $0.split(separator: ",").map(String.init) } }
}
