import Archives
import ArgumentParser
import Checkpoints
import Collectives
import Glibc
import JSON
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
    try model.checkSegments(data)
    return data
  }
}

/// Labelled data on the command line.
struct LabelledDataOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: "A text file and its labels, one .csv, .tsv or .jsonl file, or with --format a directory. Each may be .gz.",
    completion: .file())
  var data: [String]

  @Option(help: "The dataset that the directory holds, such as glue/sst2 or tweeteval/sentiment.")
  var format: DatasetLayout?

  @Option(help: "With --format: train, validation or test.")
  var split = DatasetLayout.Split.validation

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
    if format != nil && data.count == 2 {
      throw ValidationError("--data: expected the directory of the dataset that --format names, found two files")
    }
  }

  func source() throws -> DatasetSource {
    let path = data[0]
    if let format { return DatasetSource(format: .layout(format, split), path: path) }
    if data.count == 2 { return DatasetSource(format: .lines(labelsPath: data[1]), path: path) }
    var source: DatasetSource
    switch uncompressedExtension(of: path) {
    case "csv": source = DatasetSource(format: .csv, path: path)
    case "tsv": source = DatasetSource(format: .tsv(header: !noHeader), path: path)
    case "jsonl": source = DatasetSource(format: .jsonl, path: path)
    default:
      throw ValidationError(
        "--data: expected a .csv, .tsv or .jsonl file, or a text file followed by its labels, found \(path)")
    }
    source.textColumn = DatasetSource.Column(argument: text)
    source.pairColumn = textPair.map(DatasetSource.Column.init)
    source.labelColumn = DatasetSource.Column(argument: label)
    return source
  }
}

/// Texts without labels on the command line.
struct TextInputOptions: ParsableArguments {
  enum Format {
    case lines, csv, tsv, jsonl
    case layout(DatasetLayout)
  }

  @Option(
    help: "Texts: a .jsonl, .csv or .tsv file, or any other with one a line; each may be .gz.", completion: .file())
  var input: String

  @Option(
    help: """
      What the input is, whatever its name: lines, csv, tsv or jsonl, or the dataset that the directory holds, such as \
      glue/sst2.
      """)
  var format: Format?

  @Option(help: "Of a dataset's directory: train, validation or test.")
  var split = DatasetLayout.Split.test

  @Option(help: "The column of the text: a name, or a number from 0.")
  var text = "text"

  @Option(help: "The column of the second text of a pair (default: text_pair, if there is one).")
  var textPair: String?

  @Flag(help: "A .tsv file has no header; columns are numbers.")
  var noHeader = false

  /// Reads every row.
  func read() throws -> Examples {
    let format = try format ?? Self.format(of: input)
    if case .layout(let layout) = format {
      return try DatasetSource(format: .layout(layout, split), path: input).read(labels: nil)
    }
    let start = try FileStart(input)
    // Of CSV the reader wants a header, which a file without rows need not have.
    if start.isEmpty { return try Examples(lines: [], name: input) }
    var source =
      switch format {
      case .lines, .layout: DatasetSource(format: .lines(labelsPath: nil), path: input)
      case .csv: DatasetSource(format: .csv, path: input)
      case .tsv: DatasetSource(format: .tsv(header: !noHeader), path: input)
      case .jsonl: DatasetSource(format: .jsonl, path: input)
      }
    source.textColumn = DatasetSource.Column(argument: text)
    source.pairColumn = textPair.map(DatasetSource.Column.init) ?? (noHeader ? nil : start.pairColumn(in: format))
    source.labelColumn = nil
    return try source.read(labels: nil)
  }

  private static func format(of path: String) throws(CommandError) -> Format {
    switch uncompressedExtension(of: path) {
    case "csv": return .csv
    case "tsv": return .tsv
    case "jsonl", "ndjson": return .jsonl
    case "json":
      throw CommandError(
        "\(path.escapedForDisplay): expected .jsonl, .csv, .tsv or plain lines, found .json; write one object a line "
          + "and name it .jsonl, or give --format")
    default: return .lines
    }
  }
}

extension TextInputOptions.Format: ExpressibleByArgument {
  init?(argument: String) {
    switch argument {
    case "lines": self = .lines
    case "csv": self = .csv
    case "tsv": self = .tsv
    case "jsonl": self = .jsonl
    default:
      guard let layout = DatasetLayout(argument: argument) else { return nil }
      self = .layout(layout)
    }
  }

  static var allValueStrings: [String] { ["lines", "csv", "tsv", "jsonl"] + DatasetLayout.allValueStrings }
}

extension DatasetLayout: ExpressibleByArgument {
  package init?(argument: String) {
    guard let layout = DatasetLayout.named(argument) else { return nil }
    self = layout
  }

  package static var allValueStrings: [String] { all.map(\.name) }
}

extension DatasetLayout.Split: ExpressibleByArgument {}

/// `csv` of `x.csv` and of `x.csv.gz`.
private func uncompressedExtension(of path: String) -> String? {
  var parts = (path.split(separator: "/").last ?? "").lowercased().split(separator: ".")
  if parts.last == "gz" { parts.removeLast() }
  return parts.last.map(String.init)
}

/// The first line of a file: what tells whether rows are pairs.
private struct FileStart {
  let isEmpty: Bool
  private let line: [UInt8]

  init(_ path: String) throws(CommandError) {
    func failure() -> CommandError {
      CommandError("\(path.escapedForDisplay): cannot be opened: \(String(cString: strerror(errno)))")
    }
    // Without O_NONBLOCK, opening a FIFO would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure() }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure() }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw CommandError("\(path.escapedForDisplay): expected a regular file; save the texts to one first")
    }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard count >= 0 else { throw failure() }
    bytes.removeSubrange(count...)
    if Gzip.isGzip(bytes) {
      do throws(GzipError) {
        bytes = try Gzip.start(of: bytes, count: 1 << 20)
      } catch {
        throw CommandError("\(path.escapedForDisplay): \(error)")
      }
    }
    isEmpty = bytes.isEmpty
    line = Array(bytes.prefix { $0 != UInt8(ascii: "\n") })
  }

  /// `text_pair`, if the first row or the header has it.
  func pairColumn(in format: TextInputOptions.Format) -> DatasetSource.Column? {
    let name = "text_pair"
    let found: Bool
    switch format {
    case .lines, .layout: found = false
    case .jsonl: found = (try? JSON.parse(line))?[name] != nil
    case .csv, .tsv:
      var isCSV = false
      if case .csv = format { isCSV = true }
      let names = String(decoding: line, as: UTF8.self).split { $0 == (isCSV ? "," : "\t") || $0 == "\r" }
      found = names.contains { $0 == name || (isCSV && $0 == "\"\(name)\"") }
    }
    return found ? .name(name) : nil
  }
}

extension DatasetSource.Column {
  /// A plain number is a place, anything else a name.
  fileprivate init(argument: String) { self = Int(argument).map { .index($0) } ?? .name(argument) }
}
