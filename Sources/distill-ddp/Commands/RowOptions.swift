import ArgumentParser
import JSON
import Text

/// How rows are read: the same for every command that reads some.
struct RowOptions: ParsableArguments {
  enum Format {
    case lines, csv, tsv, jsonl, parquet, arrow, conll
    case layout(DatasetLayout)
  }

  @Option(
    help: """
      What the input is, whatever its name: lines, csv, tsv, jsonl, parquet, arrow or conll, or the dataset that the directory holds, such as \
      glue/sst2.
      """)
  var format: Format?

  @Option(help: "Of a dataset's directory: train, validation or test.")
  var split: DatasetLayout.Split?

  @Option(help: "The column of the text: a name, or a number from 0 (default: text).")
  var text: String?

  @Option(help: "The column of the second text of a pair (default: text_pair, if there is one).")
  var textPair: String?

  @Flag(
    inversion: .prefixedNo,
    help: "Whether the first line of CSV or TSV names the columns; without one, columns are numbers.")
  var header: Bool?

  @Option(help: "What is between the fields of CSV, such as ';' or tab (default: a comma).")
  var separator: String?

  /// - Parameters:
  ///   - path: a file, a dataset's directory, or `-` for standard input.
  ///   - label: the column of the label, if labels are read; `nil` reads none.
  ///   - split: which of a dataset's, where none is named.
  ///   - ranks: the one that has standard input reads it for all.
  func source(
    _ path: String, label: String?? = nil, kept: [String] = [], split standard: DatasetLayout.Split, _ input: RowInput
  ) throws -> DatasetSource {
    let format = try format ?? Self.format(of: path)
    var source: DatasetSource
    switch format {
    case .layout(let layout):
      source = DatasetSource(format: .layout(layout, split ?? standard), path: path)
      source.keptColumns = kept
      try refuse(["--text": text, "--text-pair": textPair], "with a dataset's name, whose columns are known")
      try refuseTableOptions()
      return source
    case .lines:
      source = DatasetSource(format: .lines(labelsPath: nil), path: path)
      try refuse(["--text": text, "--text-pair": textPair], "with lines, which have no columns; give --format")
    case .csv: source = DatasetSource(format: .csv, path: path)
    case .tsv: source = DatasetSource(format: .tsv(header: try hasHeader(label: label ?? nil)), path: path)
    case .jsonl: source = DatasetSource(format: .jsonl, path: path)
    case .parquet: source = DatasetSource(format: .columns(.parquet), path: path)
    case .arrow: source = DatasetSource(format: .columns(.arrow), path: path)
    case .conll: source = DatasetSource(format: .conll, path: path)
    }
    source.textColumn = DatasetSource.Column(argument: text ?? "text")
    source.pairColumn = textPair.map(DatasetSource.Column.init)
    source.labelColumn = label.flatMap { $0 }.map(DatasetSource.Column.init)
    source.keptColumns = kept
    source.contents = input.contents(of: path)
    if case .csv = format {
      source.csvHasHeader = try hasHeader(label: label ?? nil)
      if let separator { source.separator = try Self.separator(separator) }
    } else if separator != nil {
      throw ValidationError(
        "--separator: goes with CSV, whose fields it is between; give --format csv, or leave it out")
    } else if case .tsv = format {
      // A header, or none.
    } else {
      try refuseTableOptions()
    }
    return source
  }

  private func refuse(_ options: [String: String?], _ why: String) throws {
    for (name, value) in options.sorted(by: { $0.key < $1.key }) where value != nil {
      throw ValidationError("\(name): says nothing \(why)")
    }
  }

  private func refuseTableOptions() throws {
    guard header == nil, separator == nil else {
      throw ValidationError("--header, --no-header, --separator: go with CSV and TSV; leave them out, or give --format")
    }
  }

  /// Numbered columns leave it open whether the first line is a row.
  private func hasHeader(label: String?) throws -> Bool {
    if let header { return header }
    let columns = [text ?? "text", textPair, label].compactMap { $0 }
    guard columns.allSatisfy({ Int($0) != nil }) else { return true }
    throw ValidationError(
      "--text: with columns by number, say whether the first line is a row (--no-header) or names the columns (--header)"
    )
  }

  static func separator(_ text: String) throws -> UInt8 {
    if text == "tab" || text == "\\t" { return UInt8(ascii: "\t") }
    guard let byte = text.utf8.first, text.utf8.count == 1, byte != UInt8(ascii: "\""), byte >= 32 || byte == 9 else {
      throw ValidationError("--separator: expected one character such as ';', or tab, found \(text.quoted)")
    }
    return byte
  }

  private static func format(of path: String) throws(CommandError) -> Format {
    switch uncompressedExtension(of: path) {
    case "csv": return .csv
    case "tsv": return .tsv
    case "jsonl", "ndjson": return .jsonl
    case "parquet": return .parquet
    case "arrow", "feather": return .arrow
    case "conll": return .conll
    case "json":
      throw CommandError(
        "\(path.escapedForDisplay): expected .jsonl, .csv, .tsv, .parquet, .arrow or plain lines, found .json; write one object a line "
          + "and name it .jsonl, or give --format")
    default: return .lines
    }
  }
}

extension RowOptions.Format: ExpressibleByArgument {
  init?(argument: String) {
    switch argument {
    case "lines": self = .lines
    case "csv": self = .csv
    case "tsv": self = .tsv
    case "jsonl": self = .jsonl
    case "parquet": self = .parquet
    case "arrow": self = .arrow
    case "conll": self = .conll
    default:
      guard let layout = DatasetLayout(argument: argument) else { return nil }
      self = .layout(layout)
    }
  }

  static var allValueStrings: [String] {
    ["lines", "csv", "tsv", "jsonl", "parquet", "arrow", "conll"] + DatasetLayout.allValueStrings
  }

  static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }
}

extension DatasetLayout: ExpressibleByArgument {
  package init?(argument: String) {
    guard let layout = DatasetLayout.named(argument) else { return nil }
    self = layout
  }

  package static var allValueStrings: [String] { all.map(\.name) }

  package static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }
}

extension DatasetLayout.Split: ExpressibleByArgument {}

/// `csv` of `x.csv` and of `x.csv.gz`.
func uncompressedExtension(of path: String) -> String? {
  var parts = (path.split(separator: "/").last ?? "").lowercased().split(separator: ".")
  if parts.last == "gz" { parts.removeLast() }
  return parts.count > 1 ? parts.last.map(String.init) : nil
}

extension DatasetSource.Column {
  /// A plain number is a place, anything else a name.
  fileprivate init(argument: String) { self = Int(argument).map { .index($0) } ?? .name(argument) }
}

/// Labelled rows on the command line.
struct LabelledDataOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: """
      A text file and its labels, one .csv, .tsv, .jsonl, .parquet or .arrow file, or with --format a directory; - is \
      standard input. Texts may be .gz, and a quoted pattern such as 'parts/*.jsonl' stands for several files.
      """,
    completion: .file())
  var data: [String]

  @Option(help: "The column of the label: a name, or a number from 0.")
  var label = "label"

  @Option(
    help: "Of pairs: the column that says which rows are ranked together (default: those of the same first text).")
  var group: String?

  @OptionGroup var rows: RowOptions

  func validate() throws {
    guard (1...2).contains(data.count) else {
      throw ValidationError("--data: expected a text file and its labels, or one file, found \(data.count) files")
    }
    if case .layout? = rows.format, data.count == 2 {
      throw ValidationError("--data: expected the directory of the dataset that --format names, found two files")
    }
    if data.contains("-"), data.count == 2 {
      throw ValidationError("--data: expected files of texts and labels, found -; read labelled rows from it, as CSV")
    }
  }

  func source(_ input: RowInput) throws -> DatasetSource {
    if data.count == 2 {
      guard rows.format == nil || rows.isLines else {
        throw ValidationError("--format: two files are lines of texts and labels; give one file, or leave it out")
      }
      return DatasetSource(format: .lines(labelsPath: data[1]), path: data[0])
    }
    var isOther = false
    if rows.format == nil {
      isOther = !["csv", "tsv", "jsonl", "ndjson", "parquet", "arrow", "feather", "conll", "json"].contains(
        uncompressedExtension(of: data[0]))
    }
    if rows.isLines || isOther {
      throw ValidationError(
        "--data: expected a .csv, .tsv, .jsonl, .parquet or .arrow file, or a text file followed by its labels, found "
          + "\(data[0].escapedForDisplay); give the labels' file too, or --format")
    }
    var source = try rows.source(data[0], label: .some(label), split: .validation, input)
    source.groupColumn = group.map(DatasetSource.Column.init)
    return source
  }
}

extension RowOptions {
  var isLines: Bool {
    if case .lines? = format { true } else { false }
  }
}

/// Texts without labels on the command line.
struct TextInputOptions: ParsableArguments {
  @Option(
    help: """
      Texts: a .jsonl, .csv, .tsv, .parquet or .arrow file, or any other with one a line, which may be .gz; a quoted pattern \
      such as 'parts/*.jsonl' stands for several; - is standard input.
      """,
    completion: .file())
  var input: String

  @OptionGroup var rows: RowOptions

  /// Reads every row.
  /// - Parameter targets: what decides how texts are read, though labels are not.
  func read(_ input: RowInput, keeping kept: [String] = [], for targets: Targets? = nil) throws -> Examples {
    let source = try rows.source(self.input, kept: kept, split: .test, input)
    // Of CSV the reader wants a header, which a file without rows need not have.
    if case .csv = source.format, input.isEmpty(self.input) {
      return try Examples(lines: [], name: self.input)
    }
    return try source.read(targets)
  }
}
