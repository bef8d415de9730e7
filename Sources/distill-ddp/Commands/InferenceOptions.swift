import ArgumentParser
import Kernels
import Text
import Training

/// What commands that run a model share.
struct InferenceOptions: ParsableArguments {
  @Option(help: "Truncate to this many tokens (default: the model's limit).")
  var maxLength: Int?

  @Option(help: "Worker threads of each rank (default: the cores it may use, shared among the host's ranks).")
  var threads: Int?

  @Option(
    help: """
      Of a model that gives any number of labels, the least probability of one; of one that scores pairs, the least score \
      of a match (default: 0.5).
      """)
  var threshold: Double?

  /// The model's task, with what the command line says of it.
  func task(of model: ClassifierModel) throws -> TaskSettings {
    var task = model.task
    guard let threshold else { return task }
    guard task.kind == .multilabel || task.kind == .pairs else {
      throw CommandError("--threshold: goes with a model of multilabel or pairs, and this one is of \(task.kind.name)")
    }
    task.threshold = threshold
    return task
  }

  @Option(
    help: """
      What factors of matrix products are rounded to: float32, bfloat16 or int8. Faster where the processor has \
      instructions for it; answers differ a little.
      """)
  var precision = Precision.float32

  /// For `RankAgreement`.
  var agreed: [(name: String, value: String)] {
    [("--max-length", maxLength.map(String.init) ?? "none"), ("--precision", precision.rawValue)]
  }

  /// What is not usual about how numbers come about.
  var notices: [String] {
    precision == .float32 ? [] : ["products are computed in \(precision.withInstructions)"]
  }

  func validate() throws {
    if let threshold, !(threshold > 0 && threshold < 1) {
      throw ValidationError("--threshold: expected a number above 0, below 1, found \(threshold)")
    }
    if let threads, threads < 1 { throw ValidationError("--threads: expected 1 or more, found \(threads)") }
  }

  /// Tokenises rows and has them predicted a few at a time, so that memory grows by no more than the texts.
  ///
  /// - Parameter take: given on rank 0 what the model says of rows, the rows, and the place of the first, in order.
  func predict(
    _ examples: Examples, by tokenizer: Tokenizer, with model: ClassifierModel, places: Places,
    _ take: (Predictions, TokenizedDataset, _ first: Int) throws -> Void
  ) throws {
    let progress = EvaluationProgress(rows: examples.count)
    let all = Double(max(1, examples.count))
    for first in stride(from: 0, to: max(1, examples.count), by: Self.rowsTogether) {
      let dataset = try tokenize(
        examples, rows: first..<min(first + Self.rowsTogether, examples.count), by: tokenizer, for: model,
        threads: places.pool.workers)
      let (before, count) = (Double(first), Double(dataset.count))
      let predictions = try model.predict(dataset, places: places, precision: precision) { share in
        progress.show((before + share * count) / all)
      }
      if let predictions { try take(predictions, dataset, first) }
    }
    progress.end()
  }

  private static let rowsTogether = 1 << 15

  /// - Parameters:
  ///   - rows: some of them; `nil` takes all.
  ///   - tokenizer: the model's, where it has been opened.
  func tokenize(
    _ examples: Examples, rows: Range<Int>? = nil, by tokenizer: Tokenizer? = nil, for model: ClassifierModel,
    threads: Int
  ) throws -> TokenizedDataset {
    let limit = maxLength ?? model.configuration.maxLength
    try model.checkLength(limit, key: "--max-length")
    let data = try TokenizedDataset(
      examples, rows: rows, tokenizer: try tokenizer ?? model.tokenizer(), maxLength: limit, threads: threads)
    try model.check(data)
    return data
  }
}

extension Precision: ExpressibleByArgument {}
