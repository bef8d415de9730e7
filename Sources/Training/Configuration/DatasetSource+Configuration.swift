import Text

extension DatasetSource {
  /// The keys of which a source has exactly one: a file in that form, or the name of a benchmark's task.
  private static let formats = ["text", "csv", "tsv", "jsonl", "format"]

  /// The keys that go with a format.
  static func options(of format: String) -> [String] {
    switch format {
    case "text": ["labels"]
    case "tsv": ["header", "textColumn", "pairColumn", "labelColumn"]
    case "format": ["path", "split"]
    default: ["textColumn", "pairColumn", "labelColumn"]
    }
  }

  /// - Parameter split: The part of a benchmark's task that is meant where none is named.
  init(_ section: ConfigurationSection, split: DatasetLayout.Split) {
    let keys = Self.formats + ["path", "split", "labels", "header", "textColumn", "pairColumn", "labelColumn"]
    let given = keys.filter { section.value($0) != nil }
    let formats = given.filter(Self.formats.contains)
    self.init(format: .csv, path: "")
    guard let format = formats.first else {
      let files = listed(Self.formats.filter { $0 != "format" })
      section.reportMissing("text", "a file as one of \(files), or a dataset as format and path")
      return
    }
    guard formats.count == 1 else {
      section.reportAlternatives(formats) { $0 == "format" ? "{format: NAME, path: DIR}" : "{\($0): FILE}" }
      return
    }
    path = (format == "format" ? section.require("path", .directory) : section.read(format, .text("a file"))) ?? ""
    let options = Self.options(of: format)
    for key in given where key != format && !options.contains(key) {
      section.report("does not go with \(format), which has \(options.joined(separator: ", "))", at: key)
    }
    switch format {
    case "text": self.format = .lines(labelsPath: section.read("labels", .orNull(.text("a file"))) ?? nil)
    case "tsv": self.format = .tsv(header: section.read("header", .boolean) ?? true)
    case "jsonl": self.format = .jsonl
    case "format":
      let layout = section.read("format", .layout)
      let split = section.read("split", .choice) ?? split
      if let layout { self = DatasetSource(layout, split, path: path) }
      return
    default: self.format = .csv
    }
    if format == "text" {
      labelColumn = nil
    } else {
      readColumns(section)
    }
  }

  /// One split of a benchmark's task.
  private init(_ layout: DatasetLayout, _ split: DatasetLayout.Split, path: String) {
    self.init(format: .layout(layout, split), path: path)
    labelColumn = nil
  }

  /// The training and validation data of `data: {format: NAME, path: DIR}`.
  static func splits(_ section: ConfigurationSection) -> (train: DatasetSource, validation: DatasetSource)? {
    guard let layout = section.read("format", .layout), let path = section.require("path", .directory) else {
      return nil
    }
    return (DatasetSource(layout, .train, path: path), DatasetSource(layout, .validation, path: path))
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
    switch format {
    case .lines(let labelsPath): labelsPath != nil
    case .layout(let layout, let split): layout.hasLabels(split)
    default: labelColumn != nil
    }
  }
}

extension Expected where Value == DatasetLayout {
  /// The name of a benchmark's task.
  fileprivate static var layout: Expected {
    let names = DatasetLayout.all.map(\.name)
    return Expected(
      description: listed(names),
      read: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        return .named(text)
      },
      remedy: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        if DatasetLayout.withoutClasses.contains(text) { return "it has scores, and only classes can be predicted" }
        return nearest(to: text, among: names).map { "did you mean \($0)?" }
      })
  }
}

extension Expected where Value == String {
  fileprivate static var directory: Expected { .text("the directory that the dataset's files are in") }
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
