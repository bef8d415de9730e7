import ArgumentParser
import Text
import Training

/// What commands that run a model share.
struct InferenceOptions: ParsableArguments {
  @Option(help: "Truncate to this many tokens (default: the model's limit).")
  var maxLength: Int?

  @Option(help: "Worker threads of each rank (default: the cores it may use, shared among the host's ranks).")
  var threads: Int?

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads: expected 1 or more, found \(threads)") }
  }

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
