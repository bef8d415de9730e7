import Hub
import JSON
import Text

extension DatasetSource {
  /// The keys of which a source has exactly one: a file in that form, or the name of a benchmark's task.
  private static let formats = ["text", "csv", "tsv", "jsonl", "parquet", "arrow", "conll", "hub", "format"]

  /// The keys that go with a format.
  static func options(of format: String) -> [String] {
    switch format {
    case "text": ["labels", "missingLabels"]
    case "csv": ["header", "separator", "textColumn", "pairColumn", "labelColumn", "groupColumn", "missingLabels"]
    case "tsv": ["header", "textColumn", "pairColumn", "labelColumn", "groupColumn", "missingLabels"]
    case "conll": ["textColumn", "labelColumn", "missingLabels"]
    case "hub":
      ["config", "split", "textColumn", "pairColumn", "labelColumn", "groupColumn", "missingLabels"]
    case "format": ["path", "split", "missingLabels"]
    default: ["textColumn", "pairColumn", "labelColumn", "groupColumn", "missingLabels"]
    }
  }

  /// - Parameter split: The part of a benchmark's task that is meant where none is named.
  init(_ section: ConfigurationSection, split: DatasetLayout.Split) {
    Self.describe(section)
    let keys =
      Self.formats + [
        "path", "config", "split", "labels", "header", "separator", "textColumn", "pairColumn", "labelColumn",
        "groupColumn", "missingLabels",
      ]
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
    if format == "format", section.value("path") == nil {
      section.reportMissing("path", Expected.directory.description)
    }
    if format == "hub" {
      path = section.readDescribed("hub", .hubName) ?? ""
    } else if format == "format" {
      path = section.readDescribed("path", .directory) ?? ""
    } else if let files = section.readDescribed(format, .dataFiles) {
      path = files[0]
      morePaths = Array(files.dropFirst())
    }
    let options = Self.options(of: format)
    for key in given where key != format && !options.contains(key) {
      section.report("does not go with \(format), which has \(options.joined(separator: ", "))", at: key)
    }
    switch format {
    case "text":
      let labels = section.readDescribed("labels", .orNull(.dataFiles)) ?? nil
      self.format = .lines(labelsPath: labels?.first)
      moreLabelsPaths = labels.map { Array($0.dropFirst()) } ?? []
    case "tsv": self.format = .tsv(header: section.readDescribed("header", .boolean) ?? true)
    case "csv":
      csvHasHeader = section.readDescribed("header", .boolean) ?? true
      separator = section.readDescribed("separator", .separator) ?? separator
    case "jsonl": self.format = .jsonl
    case "parquet": self.format = .columns(.parquet)
    case "arrow": self.format = .columns(.arrow)
    case "conll": self.format = .conll
    case "hub":
      self.format = .hub(
        config: section.readDescribed("config", .orNull(.configName)) ?? nil,
        split: section.readDescribed("split", .splitName) ?? split.rawValue)
    case "format":
      let layout = section.readDescribed("format", .layout)
      let split = section.readDescribed("split", Expected<DatasetLayout.Split>.choice) ?? split
      if let layout { self = DatasetSource(layout, split, path: path) }
    default: self.format = .csv
    }
    if let missing = section.readDescribed("missingLabels", Expected<MissingLabels>.choice) { missingLabels = missing }
    if format == "format" { return }
    if format == "text" {
      labelColumn = nil
    } else {
      readColumns(section)
    }
  }

  private static func describe(_ section: ConfigurationSection) {
    let standard = DatasetSource(format: .csv, path: "")
    section.describe(
      "text", .dataFiles, "one text a line, split on `\\n` only (TweetEval); [one file or several](#several-files)")
    section.describe(
      "labels", .orNull(.dataFiles), default: .value(.null), "with `text`: one label a line, in as many files")
    section.describe("csv", .dataFiles, "fields with commas between them, quoted where they need to be (RFC 4180)")
    section.describe("tsv", .dataFiles, "tab-separated, unquoted (GLUE)")
    section.describe(
      "header", Expected.boolean, default: .value(true),
      "with `csv` and `tsv`: whether the first line names the columns")
    section.describe(
      "separator", .separator, default: .value(Expected.separator.json(standard.separator)),
      "with `csv`: what is between the fields, such as `;` or `tab`")
    section.describe("jsonl", .dataFiles, "one JSON object a line")
    section.describe("parquet", .dataFiles, "[Parquet](#parquet-and-arrow), as the hub has most data sets")
    section.describe(
      "arrow", .dataFiles, "[Arrow](#parquet-and-arrow)'s files, or a directory that `save_to_disk` wrote")
    section.describe(
      "conll", .dataFiles, "a word and its tag a line, a blank line behind each sentence, for [tokens](tasks.md#tokens)"
    )
    let columns = Expected.orNull(Expected.column)
    section.describe(
      "textColumn", .column, default: .value(Expected.column.json(standard.textColumn)),
      "the column of the (first) text")
    section.describe(
      "pairColumn", columns, default: .words("`text_pair`, if there is one"),
      "the column of the second text of a pair; null reads none")
    section.describe(
      "labelColumn", columns, default: .value(columns.json(standard.labelColumn)), "the column of the label")
    section.describe(
      "groupColumn", columns, default: .value(.null),
      "with task [`pairs`](tasks.md#pairs): the column that says which rows are ranked together; null for those of the "
        + "same first text")
    let missing = Expected<MissingLabels>.choice
    section.describe(
      "missingLabels", missing, default: .value(missing.json(standard.missingLabels)),
      "what a label means that is empty, `-1` or null: an `error`, or a row to be learned from as `unlabelled` text")
    section.describe(
      "hub", .hubName, "a data set [on the hub](#data-sets-on-the-hub), as `org/name` or `org/name@revision`")
    section.describe(
      "config", .orNull(.configName), default: .words("its only one, or its default"),
      "with `hub`: which configuration of the data set")
    section.describe("format", .layout, "a [dataset](#datasets-by-name) whose files are known")
    section.describe("path", .directory, "with `format`: the directory of the dataset")
    section.describe(
      "split", .splitName, default: .words("`train` in `data.train`, `test` in `data.test`, else `validation`"),
      "with `hub` and `format`: which part")
  }

  /// One split of a benchmark's task.
  private init(_ layout: DatasetLayout, _ split: DatasetLayout.Split, path: String) {
    self.init(format: .layout(layout, split), path: path)
    labelColumn = nil
  }

  /// The training and validation data of `data: {format: NAME, path: DIR}`.
  static func splits(_ section: ConfigurationSection) -> (train: DatasetSource, validation: DatasetSource)? {
    if section.value("path") == nil { section.reportMissing("path", Expected.directory.description) }
    guard let layout = section.readDescribed("format", .layout), let path = section.readDescribed("path", .directory)
    else { return nil }
    return (DatasetSource(layout, .train, path: path), DatasetSource(layout, .validation, path: path))
  }

  private mutating func readColumns(_ section: ConfigurationSection) {
    let column: Expected<Column> =
      switch format {
      case .tsv(header: false): .columnNumber
      case .csv where !csvHasHeader: .columnNumber
      case .jsonl, .columns, .hub: .columnName
      case .conll: .columnNumber
      default: .column
      }
    if format == .tsv(header: false) || format == .csv && !csvHasHeader {
      for key in ["textColumn", "labelColumn"] where section.value(key) == nil {
        section.reportMissing(key, "the column's number from 0, as there is no header")
      }
    }
    findsPair = section.value("pairColumn") == nil
    if let column = section.readDescribed("textColumn", column) { textColumn = column }
    if let column = section.readDescribed("pairColumn", .orNull(column)) { pairColumn = column }
    if let column = section.readDescribed("labelColumn", .orNull(column)) { labelColumn = column }
    if let column = section.readDescribed("groupColumn", .orNull(column)) { groupColumn = column }
    guard format == .tsv(header: true) || format == .csv, section.value("header") == nil else { return }
    // Numbers leave it open whether the first line is a row, which would be lost.
    let isNumbered = [textColumn, pairColumn, labelColumn, groupColumn].allSatisfy { column in
      if case .name? = column { false } else { true }
    }
    if isNumbered {
      section.reportMissing(
        "header", "true or false: with columns by number, whether the first line names the columns or is a row")
    }
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
  static var layout: Expected {
    let names = DatasetLayout.all.map(\.name)
    return Expected(
      description: listed(names), form: .words(names),
      read: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        return .named(text)
      },
      json: { .string($0.name) },
      remedy: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        if DatasetLayout.withoutClasses.contains(text) { return "it has scores, and only classes can be predicted" }
        return nearest(to: text, among: names).map { "did you mean \($0)?" }
      })
  }
}

extension Expected where Value == String {
  fileprivate static var configName: Expected { .text("a configuration's name", form: .label("name")) }
  fileprivate static var splitName: Expected { .text("a split's name, such as train", form: .label("name")) }

  /// A data set's name on the hub.
  fileprivate static var hubName: Expected {
    let name = Expected.text("a data set's name on the hub such as org/name", form: .label("name"))
    return Expected(
      description: name.description, form: name.form,
      read: { node in name.read(node).flatMap { HubName($0) == nil ? nil : $0 } }, json: name.json, remedy: name.remedy)
  }

  static var directory: Expected { .text("the directory that the dataset's files are in") }
}

extension Expected where Value == UInt8 {
  /// One character, in ASCII.
  fileprivate static var separator: Expected {
    Expected(
      description: "one character such as \";\", or tab", form: .text("character"),
      read: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        if text == "tab" || text == "\t" { return UInt8(ascii: "\t") }
        guard let byte = text.utf8.first, text.utf8.count == 1, byte >= 32, byte != UInt8(ascii: "\"") else {
          return nil
        }
        return byte
      },
      json: { $0 == UInt8(ascii: "\t") ? "tab" : .string(String(decoding: [$0], as: UTF8.self)) })
  }
}

extension Expected where Value == DatasetSource.Column {
  fileprivate static var columnNumber: Expected {
    let number = Expected<Int>.integer(0...10_000)
    return Expected(
      description: number.description, form: number.form, read: { number.read($0).map { .index($0) } },
      json: \.json, remedy: number.remedy)
  }

  fileprivate static var columnName: Expected {
    let name = Expected<String>.text("a key of each line's object", form: .label("name"))
    return Expected(
      description: name.description, form: name.form, read: { name.read($0).map { .name($0) } }, json: \.json,
      remedy: name.remedy)
  }

  /// A plain number is a place; in quotes it is a name.
  fileprivate static var column: Expected {
    let (number, name) = (Expected.columnNumber, Expected<String>.text(""))
    return Expected(
      description: "a column's name in the header, or its number from 0", form: .label("name or number"),
      read: { node in
        if let index = number.read(node) { return index }
        guard case .scalar(let text, let isPlain) = node.content, !(isPlain && Int(text) != nil) else { return nil }
        return name.read(node).map { .name($0) }
      },
      json: \.json)
  }
}

extension DatasetSource.Column {
  fileprivate var json: JSON {
    switch self {
    case .name(let name): .string(name)
    case .index(let index): .integer(index)
    }
  }
}

extension Expected where Value == [String] {
  /// At least one.
  fileprivate static var dataFiles: Expected {
    let file = Expected<String>.text("a file")
    return Expected(
      description: "a file or a list of files", form: .either([file.form, .list(of: file.form, count: 1...Int.max)]),
      read: { node in
        guard case .sequence(let elements) = node.content else { return file.read(node).map { [$0] } }
        let files = elements.compactMap(file.read)
        return files.isEmpty || files.count < elements.count ? nil : files
      },
      json: { $0.count == 1 ? .string($0[0]) : .array($0.map(JSON.string)) }, remedy: file.remedy)
  }
}
