import Glibc
import JSON

extension DatasetSource {
  /// Reads all rows.
  /// - Parameters:
  ///   - targets: What rows are labelled with, or nil to read texts only.
  ///   - labelsKey: What names the classes, for remedies.
  /// - Throws: `DatasetError`, naming file, line and reason, at the first row that is not as it should be.
  package func read(_ targets: Targets?, labelsKey: String? = nil) throws(DatasetError) -> Examples {
    let files = try files()
    guard files.count > 1 else { return try files[0].readFile(targets, labelsKey) }
    var examples = try files[0].readFile(targets, labelsKey)
    for file in files.dropFirst() {
      let more = try file.readFile(targets, labelsKey)
      if more.count == 0 { continue }
      if examples.count == 0 {
        examples = more
        continue
      }
      try file.check(more, areLike: examples.hasPairs, of: files[0])
      examples.append(contentsOf: more)
    }
    return examples
  }

  /// Refuses pairs among single texts, and the other way round.
  func check(_ rows: Examples, areLike arePairs: Bool, of first: DatasetSource) throws(DatasetError) {
    guard rows.hasPairs != arePairs else { return }
    throw DatasetError(
      path,
      "expected \(arePairs ? "pairs of texts" : "single texts"), as \(first.path.escapedForDisplay) has; "
        + "name the columns, or read one of them alone")
  }

  func readFile(_ targets: Targets?, _ labelsKey: String?) throws(DatasetError) -> Examples {
    let reader = targetReader(targets, labelsKey)
    switch format {
    case .hub:
      throw DatasetError(path, "is a data set's name, whose files were not looked for; name the files")
    case .layout(let layout, let split): return try read(layout, split, targets, labelsKey)
    case .columns(let format):
      var rows = try ColumnRows(self, format, reader, labelsKey: labelsKey)
      while try rows.readBatch() {}
      return rows.taken()
    case .lines, .csv, .tsv, .jsonl, .conll:
      var rows = try RowReader(self, reader, labelsKey: labelsKey)
      let examples = try rows.read(file())
      try rows.finish()
      return examples
    }
  }

  /// As above, of classes in the order of their ids.
  package func read(labels: [String]?, labelsKey: String? = nil) throws(DatasetError) -> Examples {
    try read(labels.map(Targets.classes), labelsKey: labelsKey)
  }

  func targetReader(_ targets: Targets?, _ labelsKey: String?) -> TargetReader? {
    targets.map { TargetReader($0, allowsNone: missingLabels == .unlabelled, key: labelsKey) }
  }

  private func file() throws(DatasetError) -> DatasetText {
    let file: DatasetText
    if let contents {
      file = try DatasetText(decompressing: contents, path: path)
    } else {
      file = try DatasetText(path: path)
    }
    try checkLineEnds(file)
    return file
  }

  /// - Parameter file: its beginning at least.
  func checkLineEnds(_ file: DatasetText) throws(DatasetError) {
    var isLines = false
    if case .lines = format { isLines = true }
    try file.checkLineEnds(allowing: isLines ? 1 : 0)
  }

  /// A benchmark's classes are found among the task's by name: its files number them in an order of its own.
  private func read(
    _ layout: DatasetLayout, _ split: DatasetLayout.Split, _ targets: Targets?, _ labelsKey: String?
  ) throws(DatasetError) -> Examples {
    var source = try layout.source(split, in: path, withLabels: targets != nil)
    source.keptColumns = keptColumns
    source.missingLabels = missingLabels
    guard let targets else { return try source.read(nil) }
    guard case .classes(let labels) = targets else {
      throw DatasetError(
        path,
        "expected a dataset of the task, found \(layout.name), whose rows have one class each; give the file itself")
    }
    let own = try layout.labels(in: path)
    guard let match = ClassMatch(own, in: labels) else {
      throw DatasetError(
        path,
        "expected data of the classes \(labels.quotedList), found \(layout.name), whose classes are \(own.quotedList); "
          + "use data of the same classes" + (labelsKey.map { ", or name these in \($0)" } ?? ""))
    }
    var examples = try source.read(labels: own)
    examples.arrange(by: match)
    if own.count < labels.count {
      let places = Set(match.places)
      let absent = labels.indices.filter { !places.contains($0) }.map { labels[$0] }
      examples.note("\(path.escapedForDisplay): \(layout.name) has no rows of \(absent.quotedList)")
    }
    return examples
  }

  // MARK: Lines

  /// - Parameter labels: of all lines of the file.
  func readLines(
    _ file: DatasetText, _ labelsPath: String?, _ labels: [Target]?, _ reader: TargetReader?
  ) throws(DatasetError) -> Examples {
    var examples = Examples(hasPairs: false, targets: reader?.targets)
    try file.forEachLine(of: file.bytes) { line, text throws(DatasetError) in
      let label = labels.map { line <= $0.count ? $0[line - 1] : .none } ?? .none
      if examples.areOfWords, let problem = label.problem(words: WordRow(text).words.count) {
        throw DatasetError(labelsPath ?? path, line: line, "label: \(problem)", isOfLabel: true)
      }
      examples.append(text, pair: [UInt8]?.none, target: label)
      try keep(line, &examples) { $0 == "text" ? .string(text.text) : nil }
    }
    return examples
  }

  /// A label a line. Where a `mapping.txt` lies beside the file, as in TweetEval, it says what the numbers mean.
  ///
  /// - Parameter note: told what the reader should know.
  func readLabels(
    _ path: String, _ reader: TargetReader, note: (String) -> Void
  ) throws(DatasetError) -> [Target] {
    var reader = reader
    var match: ClassMatch?
    let allowsNone = missingLabels == .unlabelled
    let mapping = (path.lastIndex(of: "/").map { String(path[...$0]) } ?? "") + "mapping.txt"
    if case .classes(let names) = reader.targets, access(mapping, F_OK) == 0,
      let own = try? ClassLabels.mapping(in: mapping), !own.isEmpty
    {
      match = ClassMatch(own, in: names)
      guard match != nil else {
        throw DatasetError(
          mapping,
          "expected the classes \(names.quotedList), found \(own.quotedList); name them alike, or move it away "
            + "if it does not belong to the labels beside it")
      }
      if match?.isIdentity == false {
        note(
          "\(mapping.escapedForDisplay): its classes \(own.quotedList) are taken by name for \(names.quotedList)")
      }
      reader = TargetReader(.classes(own), allowsNone: allowsNone, key: nil)
    }
    let file = try DatasetText(path: path)
    try file.checkLineEnds(allowing: 0)
    var labels: [Target] = []
    // Blank lines at the end say nothing; others would shift the labels of all that follow.
    let last = file.bytes.lastIndex { ![UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: " ")].contains($0) }
    let bytes = allowsNone ? file.bytes : last.map { file.bytes[...$0] } ?? []
    try file.forEachLine(of: bytes) { line, text throws(DatasetError) in
      do {
        let target = try reader.target(of: text.withoutCarriageReturn.text)
        if let match, case .label(let id) = target {
          labels.append(.label(Int32(match.places[Int(id)])))
        } else {
          labels.append(target)
        }
      } catch {
        throw DatasetError(path, line: line, "label: \(error)", isOfLabel: true)
      }
    }
    return labels
  }

  // MARK: Tables

  /// - Parameters:
  ///   - table: what the records before these have said.
  ///   - separator: between fields, which the file's beginning may say.
  func readCSV(
    _ file: DatasetText, _ reader: TargetReader?, _ table: inout Table?, _ separator: inout UInt8
  ) throws(DatasetError) -> Examples {
    var records = CSVRecords(file, separator: separator)
    separator = records.separator
    var first: [ArraySlice<UInt8>]?
    if table == nil {
      guard let record = try records.next() else { throw DatasetError(path, "expected a header, found an empty file") }
      table = try Table(self, header: csvHasHeader ? record.map(\.text) : nil, first: record, reader)
      first = csvHasHeader ? nil : record
    }
    var examples = Examples(hasPairs: table?.pair != nil, targets: reader?.targets)
    if let first { try table?.append(first, line: records.line, to: &examples) }
    while let record = try records.next() { try table?.append(record, line: records.line, to: &examples) }
    return examples
  }

  /// - Parameter table: what the lines before these have said.
  func readTSV(
    _ file: DatasetText, header hasHeader: Bool, _ reader: TargetReader?, _ table: inout Table?
  ) throws(DatasetError) -> Examples {
    var examples = Examples(hasPairs: table.map { $0.pair != nil } ?? (pairColumn != nil), targets: reader?.targets)
    try file.forEachLine(of: file.bytes) { line, text throws(DatasetError) in
      let fields = text.withoutCarriageReturn.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
      if let table { return try table.append(fields, line: line, to: &examples) }
      let first = try Table(self, header: hasHeader ? fields.map(\.text) : nil, first: fields, reader)
      examples = Examples(hasPairs: first.pair != nil, targets: reader?.targets)
      if !hasHeader { try first.append(fields, line: line, to: &examples) }
      table = first
    }
    return examples
  }

  /// Carries a row's columns along.
  private func keep(
    _ line: Int, _ examples: inout Examples, _ value: (String) -> JSON?
  ) throws(DatasetError) {
    guard !keptColumns.isEmpty else { return }
    var kept: [JSON] = []
    for name in keptColumns {
      guard let value = value(name) else {
        throw DatasetError(path, line: line, "\(name.escapedForDisplay): there is no such column to keep")
      }
      kept.append(value)
    }
    examples.keep(kept)
  }
}

extension DatasetSource {
  /// What the second text of a pair is called where nothing else is said.
  package static let pairName = "text_pair"
}

extension DatasetSource.Column {
  /// What to call the column in errors.
  var name: String {
    switch self {
    case .name(let name): name.escapedForDisplay
    case .index(let index): "column \(index)"
    }
  }
}

extension [String] {
  /// `"a", "b"`, at most twenty of them.
  var quotedList: String {
    "[" + prefix(20).map(\.quoted).joined(separator: ", ") + (count > 20 ? ", …]" : "]")
  }
}

extension Examples {
  /// One sentence a line, split on `\n` only, without labels. A `\r` stays in its text, where it is whitespace to the
  /// tokenizer.
  /// - Parameter name: What to call the bytes in errors, as `standard input`.
  package init(lines bytes: [UInt8], name: String) throws(DatasetError) {
    let file = try DatasetText(bytes, path: name)
    self.init(hasPairs: false)
    try file.forEachLine(of: file.bytes) { _, text throws(DatasetError) in
      append(text, pair: [UInt8]?.none, target: .none)
    }
  }
}
