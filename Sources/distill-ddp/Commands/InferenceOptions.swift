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

  func tokenize(_ examples: Examples, for model: ClassifierModel, threads: Int) throws -> TokenizedDataset {
    let limit = maxLength ?? model.configuration.maxPositions
    try model.checkLength(limit, key: "--max-length")
    return try TokenizedDataset(examples, tokenizer: try model.tokenizer(), maxLength: limit, threads: threads)
  }
}

/// Labelled data on the command line.
struct LabelledDataOptions: ParsableArguments {
  @Option(parsing: .upToNextOption, help: "A text file and its labels, or one .csv, .tsv or .jsonl file.")
  var data: [String]

  @Option(help: "The column of the text: a name, or a number from 0.")
  var text = "text"

  @Option(help: "The column of the second text of a pair.")
  var textPair: String?

  @Option(help: "The column of the label.")
  var label = "label"

  @Flag(help: "A .tsv file has no header; columns are numbers.")
  var noHeader = false

  func validate() throws {
    guard (1...2).contains(data.count) else {
      throw ValidationError("--data: expected a text file and its labels, or one file, found \(data.count) files")
    }
  }

  func source() throws -> DatasetSource {
    let path = data[0]
    if data.count == 2 { return DatasetSource(format: .lines(labelsPath: data[1]), path: path) }
    var source: DatasetSource
    switch path.split(separator: ".").last {
    case "csv": source = DatasetSource(format: .csv, path: path)
    case "tsv": source = DatasetSource(format: .tsv(header: !noHeader), path: path)
    case "jsonl": source = DatasetSource(format: .jsonl, path: path)
    default:
      throw ValidationError(
        "--data: expected a .csv, .tsv or .jsonl file, or a text file followed by its labels, found \(path)")
    }
    source.textColumn = column(text)
    source.pairColumn = textPair.map(column)
    source.labelColumn = column(label)
    return source
  }

  private func column(_ text: String) -> DatasetSource.Column { Int(text).map { .index($0) } ?? .name(text) }
}
