import ArgumentParser
import Glibc
import Hub
import JSON
import Text
import Training

/// `distill-ddp predict`: a model's answer to each text.
struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Predict the class of each text.",
    discussion: """
      Writes a JSON object a line, in the order of the input: the label, and each class's logit and probability.

        distill-ddp predict --model runs/teacher/best --input tweets.txt
        distill-ddp predict --model DIR --input dev.tsv --text sentence --output FILE
      """)

  @Option(help: "A Hugging Face model directory, or a name on the hub.", completion: .directory)
  var model: String

  @OptionGroup var input: TextInputOptions

  @Option(help: "The file to write; - is standard output.", completion: .file(extensions: ["jsonl"]))
  var output = "-"

  @OptionGroup var limits: InferenceOptions

  func run() throws {
    try onEveryRank(threads: limits.threads) { places in
      let isRoot = places.ranks.rank == 0
      let destination = ResultDestination(output)
      try RankAgreement.require(
        RunIdentity(
          command: "predict",
          options: [("--output", output), ("--max-length", limits.maxLength.map(String.init) ?? "none")]),
        among: places.ranks)
      let claim = isRoot ? try destination.claim(allowsStreams: true) : nil
      defer { withExtendedLifetime(claim) {} }
      let directory = try places.locate([model], in: .ofEnvironment(isShown: isRoot))[0].path
      let classifier = try ClassifierModel(directory: directory, head: .newIfMissing, role: .alone)
      guard classifier.hasTrainedHead else {
        throw CommandError(
          "\(model.escapedForDisplay): expected a model with a classification head, found none; fine-tune it first, "
            + "with distill-ddp --config configs/finetune.yaml --set student.model=\(model.escapedForDisplay)")
      }
      if isRoot { for notice in classifier.notices { printError("Note: \(notice)") } }
      let examples = try input.read()
      let tokenizer = try classifier.tokenizer()
      try RankAgreement.require(
        RunIdentity(classifier, examples, threads: places.pool.workers), among: places.ranks)
      let results = isRoot ? try ResultStream(destination) : nil
      for first in stride(from: 0, to: max(1, examples.count), by: Self.rowsTogether) {
        let dataset = try limits.tokenize(
          examples, rows: first..<min(first + Self.rowsTogether, examples.count), by: tokenizer, for: classifier,
          threads: places.pool.workers)
        guard let predictions = try classifier.predict(dataset, places: places) else { continue }
        try results?.write(try lines(predictions.logits, from: first, labels: classifier.configuration.labels))
      }
      try results?.finish()
    }
  }

  /// Tokenised, predicted and written before the next, so that memory grows by no more than the texts.
  private static let rowsTogether = 1 << 15

  private func lines(_ rows: [[Float]], from first: Int, labels: [String]) throws(CommandError) -> [UInt8] {
    let names = labels.map { JSON.string($0).text() }
    var out: [UInt8] = []
    for (index, logits) in rows.enumerated() {
      let row = first + index
      guard let wrong = logits.first(where: { !$0.isFinite }) else {
        let label = names[logits.indexOfLargest]
        out += "{\"label\":\(label),\"logits\":\(list(logits)),\"probabilities\":\(list(softmax(logits)))}\n".utf8
        continue
      }
      throw CommandError(
        "\(model.escapedForDisplay): row \(row + 1): expected finite logits, found \(wrong); the model's weights are "
          + "damaged")
    }
    return out
  }

  /// The fewest digits that read back as the same numbers.
  private func list(_ values: [some BinaryFloatingPoint & CustomStringConvertible]) -> String {
    "[\(values.map(\.description).joined(separator: ","))]"
  }

  private func softmax(_ logits: [Float]) -> [Double] {
    let largest = Double(logits.max() ?? 0)
    let exponentials = logits.map { exp(Double($0) - largest) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum }
  }
}
