/// Reads a text file's rows a piece of the file at a time, and knows what the pieces before have said: a header, say.
struct RowReader {
  private let source: DatasetSource
  private let targets: TargetReader?
  /// Of a table.
  private var table: Table?
  private var separator: UInt8
  /// Of JSON lines.
  private var named: NamedRows?
  /// Of lines whose labels are in a file of their own.
  private var labels: [Target]?
  /// What is to be said with the first rows.
  private var notices: [String] = []
  private var lines = 0
  /// How many of the last lines are blank.
  private var blankLines = 0

  /// - Parameters:
  ///   - targets: reads what rows are labelled with; `nil` reads texts only.
  ///   - labelsKey: what names the classes, for remedies.
  init(_ source: DatasetSource, _ targets: TargetReader?, labelsKey: String?) throws(DatasetError) {
    self.source = source
    self.targets = targets
    separator = source.separator
    switch source.format {
    case .lines(let path?):
      if let targets { labels = try source.readLabels(path, targets) { notices.append($0) } }
    case .jsonl:
      var rows = try NamedRows(source, targets, areLines: true)
      if let classes = source.classes { try rows.number(classes: classes, labelsKey: labelsKey) }
      named = rows
    case .lines, .csv, .tsv, .conll, .columns, .layout, .hub: break
    }
  }

  /// The rows of a piece, which ends where a row does.
  mutating func read(_ file: DatasetText) throws(DatasetError) -> Examples {
    switch source.format {
    case .lines(let labelsPath):
      var examples = try source.readLines(file, labelsPath, labels, targets)
      count(examples)
      for notice in notices { examples.note(notice) }
      notices = []
      return examples
    case .csv: return try source.readCSV(file, targets, &table, &separator)
    case .tsv(let header): return try source.readTSV(file, header: header, targets, &table)
    case .conll: return try source.readCoNLL(file, targets)
    case .jsonl:
      guard var rows = named else { break }
      // Not in two places while it grows.
      named = nil
      try source.readJSONL(file, into: &rows)
      let examples = rows.taken()
      named = rows
      return examples
    case .columns, .layout, .hub: break
    }
    preconditionFailure("a format that is not text")
  }

  private mutating func count(_ examples: Examples) {
    guard labels != nil else { return }
    var blank = 0
    while blank < examples.count, examples.text(examples.count - 1 - blank).isBlank { blank += 1 }
    blankLines = blank == examples.count ? blankLines + blank : blank
    lines += examples.count
  }

  /// Checks that nothing is missing, behind the last piece.
  func finish() throws(DatasetError) {
    guard let labels, case .lines(let labelsPath?) = source.format, labels.count != lines else { return }
    throw DatasetError(
      labelsPath,
      "expected \(lines) labels, one for each line of \(source.path.escapedForDisplay), found \(labels.count)"
        + (lines - blankLines <= labels.count && labels.count < lines
          ? "; remove blank lines at the end of the texts" : ""))
  }
}
