import JSON

/// Rows of values that have names, as JSON lines and files of columns hold them.
struct NamedRows {
  private let source: DatasetSource
  private let reader: TargetReader?
  private var textKey: String
  private var pairKey: String?
  private var label: String?
  private var group: String?
  private var examples: Examples
  private var isSettled = false
  /// Whether rows are lines, as errors call them.
  private let areLines: Bool
  /// What the task calls the classes that the file numbers, by their numbers.
  private var classes: [String] = []

  init(_ source: DatasetSource, _ reader: TargetReader?, areLines: Bool) throws(DatasetError) {
    self.source = source
    self.reader = reader
    self.areLines = areLines
    func key(_ column: DatasetSource.Column) throws(DatasetError) -> String {
      guard case .name(let name) = column else {
        throw DatasetError(
          source.path,
          "\(column.name): columns \(areLines ? "of JSON lines" : "here") have names, not numbers; give a key of the rows"
        )
      }
      return name
    }
    textKey = try key(source.textColumn)
    if let column = source.pairColumn { pairKey = try key(column) }
    if let column = source.labelColumn, reader != nil { label = try key(column) }
    if let column = source.groupColumn { group = try key(column) }
    examples = Examples(hasPairs: pairKey != nil, targets: reader?.targets)
  }

  /// Decides which values are read, given which there are.
  mutating func settle(_ has: (String) -> Bool) {
    guard !isSettled else { return }
    isSettled = true
    if examples.areOfWords {
      // As published data sets call them, unless another key is given.
      if textKey == "text" { textKey = ["words", "tokens"].first(where: has) ?? textKey }
      if label == "label" { label = ["tags", "ner_tags"].first(where: has) ?? label }
    } else if pairKey == nil, source.findsPair, has(DatasetSource.pairName) {
      pairKey = DatasetSource.pairName
    }
    examples = Examples(hasPairs: pairKey != nil, targets: reader?.targets)
  }

  /// The rows that were added since this was last asked for.
  mutating func taken() -> Examples {
    defer { examples = Examples(hasPairs: pairKey != nil, targets: reader?.targets) }
    return examples
  }

  /// What is read of a row, with whether it is a label.
  var keys: [(name: String, isLabel: Bool)] {
    [(textKey, false)] + (pairKey.map { [($0, false)] } ?? []) + (label.map { [($0, true)] } ?? [])
      + (group.map { [($0, false)] } ?? []) + source.keptColumns.map { ($0, false) }
  }

  var labelKey: String? { label }

  /// Has numbers of classes read as these, which the file's own names are found among.
  mutating func number(classes own: [String], labelsKey: String?) throws(DatasetError) {
    let names: [String]
    switch reader?.targets {
    case .classes(let list), .classSets(let list), .tags(let list): names = list
    case .numbers, .shares, nil: return
    }
    guard let match = ClassMatch(own, in: names) else {
      throw DatasetError(
        source.path,
        "\((label ?? "").escapedForDisplay): expected the classes \(names.quotedList), found \(own.quotedList); use data of "
          + "the same classes" + (labelsKey.map { ", or name these in \($0)" } ?? ""))
    }
    classes = match.places.map { names[$0] }
  }

  private func error(_ row: Int, _ reason: String, isOfLabel: Bool = false) -> DatasetError {
    areLines
      ? DatasetError(source.path, line: row, reason, isOfLabel: isOfLabel)
      : DatasetError(source.path, "row \(row): \(reason)", isOfLabel: isOfLabel)
  }

  /// - Parameters:
  ///   - row: from 1; of lines, the line.
  ///   - names: of all that there is, for an error.
  mutating func append(_ row: Int, names: @autoclosure () -> [String], _ value: (String) -> JSON?) throws(DatasetError)
  {
    func string(_ key: String) throws(DatasetError) -> String {
      if let string = value(key)?.string { return string }
      let keys = names().prefix(10).map(\.escapedForDisplay).joined(separator: ", ")
      let remedy = value(key) == nil && row == 1 ? "; the row has \(keys)" : ""
      throw error(
        row, "\(key.escapedForDisplay): expected a string, found \(value(key)?.summary ?? "nothing")\(remedy)")
    }
    var target = Target.none
    if let reader, let label {
      do {
        target = try reader.target(of: value(label).map(named))
      } catch {
        throw self.error(row, "\(label.escapedForDisplay): \(error)", isOfLabel: true)
      }
    }
    if examples.areOfWords {
      let own: WordRow
      if let list = value(textKey)?.array {
        own = try words(list, row)
      } else {
        own = WordRow(try string(textKey).utf8)
      }
      if let problem = target.problem(words: own.words.count) {
        throw error(row, "\((label ?? "").escapedForDisplay): \(problem)", isOfLabel: true)
      }
      examples.append(own, target: target)
    } else {
      examples.append(try string(textKey).utf8, pair: try pairKey.map(string)?.utf8, target: target)
      if let group {
        let name = value(group).flatMap { $0.isNull ? nil : $0.string ?? $0.text() } ?? ""
        guard !Array(name.utf8)[...].isBlank else {
          throw error(row, RowGroups.missing(group.escapedForDisplay))
        }
        examples.join(group: Array(name.utf8))
      }
    }
    guard !source.keptColumns.isEmpty else { return }
    var kept: [JSON] = []
    for name in source.keptColumns {
      guard let value = value(name) else {
        throw error(row, "\(name.escapedForDisplay): there is no such column to keep")
      }
      kept.append(value)
    }
    examples.keep(kept)
  }

  /// A label with names in place of the file's numbers.
  private func named(_ label: JSON) -> JSON {
    guard !classes.isEmpty else { return label }
    switch label {
    case .integer(let number) where classes.indices.contains(number): return .string(classes[number])
    case .array(let list): return .array(list.map(named))
    default: return label
    }
  }

  private func words(_ list: [JSON], _ row: Int) throws(DatasetError) -> WordRow {
    var words: [String.UTF8View] = []
    for word in list {
      guard let text = word.string else {
        throw error(row, "\(textKey.escapedForDisplay): expected words, found \(word.summary)")
      }
      words.append(text.utf8)
    }
    return WordRow(words: words)
  }
}
