import Text

extension DatasetSource {
  /// The keys of which a source has exactly one, each naming a file.
  private static let formats = ["text", "csv", "tsv", "jsonl"]

  /// The keys that go with a format.
  static func options(of format: String) -> [String] {
    switch format {
    case "text": ["labels"]
    case "tsv": ["header", "textColumn", "pairColumn", "labelColumn"]
    default: ["textColumn", "pairColumn", "labelColumn"]
    }
  }

  init(_ section: ConfigurationSection) {
    let keys = Self.formats + ["labels", "header", "textColumn", "pairColumn", "labelColumn"]
    let given = keys.filter { section.value($0) != nil }
    let formats = given.filter(Self.formats.contains)
    self.init(format: .csv, path: "")
    guard let format = formats.first else {
      section.reportMissing("text", "a file as one of \(listed(Self.formats))")
      return
    }
    guard formats.count == 1 else {
      section.reportAlternatives(formats) { "{\($0): FILE}" }
      return
    }
    path = section.read(format, .text("a file")) ?? ""
    let options = Self.options(of: format)
    for key in given where key != format && !options.contains(key) {
      section.report("does not go with \(format), which has \(options.joined(separator: ", "))", at: key)
    }
    switch format {
    case "text": self.format = .lines(labelsPath: section.read("labels", .orNull(.text("a file"))) ?? nil)
    case "tsv": self.format = .tsv(header: section.read("header", .boolean) ?? true)
    case "jsonl": self.format = .jsonl
    default: self.format = .csv
    }
    if format == "text" {
      labelColumn = nil
    } else {
      readColumns(section)
    }
  }

  private mutating func readColumns(_ section: ConfigurationSection) {
    let column: Expected<Column> =
      switch format {
      case .tsv(header: false): .columnNumber
      case .jsonl: .columnName
      default: .column
      }
    if format == .tsv(header: false) {
      for key in ["textColumn", "labelColumn"] where section.value(key) == nil {
        section.reportMissing(key, "the column's number from 0, as there is no header")
      }
    }
    section.read("textColumn", column, into: &textColumn)
    section.read("pairColumn", .orNull(column), into: &pairColumn)
    section.read("labelColumn", .orNull(column), into: &labelColumn)
  }

  /// Whether rows say which class they are.
  var hasLabels: Bool {
    if case .lines(let labelsPath) = format { return labelsPath != nil }
    return labelColumn != nil
  }
}

extension Expected where Value == DatasetSource.Column {
  fileprivate static var columnNumber: Expected {
    Expected<Int>.integer(0...10_000).map { .index($0) }
  }

  fileprivate static var columnName: Expected {
    Expected<String>.text("a key of each line's object").map { .name($0) }
  }

  /// A plain number is a place; in quotes it is a name.
  fileprivate static var column: Expected {
    let (number, name) = (Expected.columnNumber, Expected<String>.text(""))
    return Expected(
      description: "a column's name in the header, or its number from 0",
      read: { node in
        if let index = number.read(node) { return index }
        guard case .scalar(let text, let isPlain) = node.content, !(isPlain && Int(text) != nil) else { return nil }
        return name.read(node).map { .name($0) }
      })
  }
}
