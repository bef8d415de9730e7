import JSON

extension DatasetSource {
  /// Reads all rows.
  /// - Parameter labels: Names of the classes, in the order of their ids, or nil to read texts only.
  /// - Throws: `DatasetError`, naming file, line and reason, at the first row that is not as it should be.
  package func read(labels: [String]?) throws(DatasetError) -> Examples {
    func file() throws(DatasetError) -> DatasetText { try DatasetText(path: path) }
    let classes = labels.map { ClassLabels(names: $0, allowsNone: missingLabels == .unlabelled) }
    switch format {
    case .lines(let labelsPath): return try readLines(file(), labelsPath, classes)
    case .csv: return try readCSV(file(), classes)
    case .tsv(let header): return try readTSV(file(), header: header, classes)
    case .jsonl: return try readJSONL(file(), classes)
    case .layout(let layout, let split):
      var source = try layout.source(split, in: path, withLabels: labels != nil)
      source.missingLabels = missingLabels
      return try source.read(labels: labels)
    }
  }

  private func readLines(
    _ file: DatasetText, _ labelsPath: String?, _ classes: ClassLabels?
  ) throws(DatasetError) -> Examples {
    guard let labelsPath, let classes else { return try Examples(lines: file) }
    let labelsFile = try DatasetText(path: labelsPath)
    var labels: [Int32] = []
    try labelsFile.forEachLine(of: labelsFile.bytes) { line, text throws(DatasetError) in
      do {
        labels.append(try classes.id(of: text.withoutCarriageReturn.text))
      } catch {
        throw DatasetError(labelsPath, line: line, "label: \(error)")
      }
    }
    var examples = Examples(hasPairs: false)
    try file.forEachLine(of: file.bytes) { line, text throws(DatasetError) in
      guard line <= labels.count else { return examples.append(text, pair: [UInt8]?.none, label: -1) }
      examples.append(text, pair: [UInt8]?.none, label: labels[line - 1])
    }
    guard examples.count == labels.count else {
      throw DatasetError(
        labelsPath,
        "expected \(examples.count) labels, one for each line of \(path.escapedForDisplay), found \(labels.count)")
    }
    return examples
  }

  // MARK: Tables

  private func readCSV(_ file: DatasetText, _ classes: ClassLabels?) throws(DatasetError) -> Examples {
    var records = CSVRecords(file)
    guard let header = try records.next() else { throw DatasetError(path, "expected a header, found an empty file") }
    let table = try Table(self, header: header.map(\.text), columns: header.count, classes)
    var examples = Examples(hasPairs: pairColumn != nil)
    while let record = try records.next() { try table.append(record, line: records.line, to: &examples) }
    return examples
  }

  private func readTSV(
    _ file: DatasetText, header hasHeader: Bool, _ classes: ClassLabels?
  ) throws(DatasetError) -> Examples {
    var table: Table?
    var examples = Examples(hasPairs: pairColumn != nil)
    try file.forEachLine(of: file.withoutByteOrderMark) { line, text throws(DatasetError) in
      let fields = text.withoutCarriageReturn.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
      if let table { return try table.append(fields, line: line, to: &examples) }
      let first = try Table(self, header: hasHeader ? fields.map(\.text) : nil, columns: fields.count, classes)
      if !hasHeader { try first.append(fields, line: line, to: &examples) }
      table = first
    }
    return examples
  }

  /// Which columns of a table hold what.
  private struct Table {
    let path: String
    let columns: Int
    let skipsShortRows: Bool
    let text: Int
    let pair: Int?
    let label: (index: Int, name: String, classes: ClassLabels)?

    init(
      _ source: DatasetSource, header: [String]?, columns: Int, _ classes: ClassLabels?
    ) throws(DatasetError) {
      func index(_ column: Column) throws(DatasetError) -> Int {
        switch column {
        case .index(let index):
          guard (0..<columns).contains(index) else {
            throw DatasetError(source.path, "column \(index): expected a number from 0 to \(columns - 1)")
          }
          return index
        case .name(let name):
          guard let header else {
            throw DatasetError(source.path, "column \(name.quoted): a file without header has numbered columns only")
          }
          let matches = header.indices.filter { header[$0].utf8.elementsEqual(name.utf8) }
          guard matches.count == 1 else {
            let shown = header.prefix(20).map(\.quoted).joined(separator: ", ")
            let found = header.count > 20 ? "\(shown) and \(header.count - 20) more" : shown
            throw DatasetError(
              source.path, line: 1, "column \(name.quoted): expected once in the header, found \(found)")
          }
          return matches[0]
        }
      }
      path = source.path
      self.columns = columns
      skipsShortRows = source.skipsShortRows
      text = try index(source.textColumn)
      pair = try source.pairColumn.map(index)
      if let column = source.labelColumn, let classes {
        label = (try index(column), column.name, classes)
      } else {
        label = nil
      }
    }

    func append(
      _ fields: [ArraySlice<UInt8>], line: Int, to examples: inout Examples
    ) throws(DatasetError) {
      guard fields.count == columns else {
        if skipsShortRows && fields.count < columns { return }
        throw DatasetError(path, line: line, "expected \(columns) fields, found \(fields.count)")
      }
      var id: Int32 = -1
      if let label {
        do {
          id = try label.classes.id(of: fields[label.index].text)
        } catch {
          throw DatasetError(path, line: line, "\(label.name): \(error)")
        }
      }
      examples.append(fields[text], pair: pair.map { fields[$0] }, label: id)
    }
  }

  // MARK: JSON

  private func readJSONL(_ file: DatasetText, _ classes: ClassLabels?) throws(DatasetError) -> Examples {
    let textKey = try key(textColumn)
    let pairKey = try pairColumn.map(key)
    let label = try classes == nil ? nil : labelColumn.map(key)
    var examples = Examples(hasPairs: pairColumn != nil)
    try file.forEachLine(of: file.withoutByteOrderMark) { line, bytes throws(DatasetError) in
      let row: JSON
      do throws(JSONError) {
        row = try JSON.parse(Array(bytes))
      } catch {
        throw DatasetError(
          path, line: line, error.location.map { "column \($0.column): \(error.reason)" } ?? error.reason)
      }
      func string(_ key: String) throws(DatasetError) -> String {
        guard let string = row[key]?.string else {
          throw DatasetError(
            path, line: line, "\(key.escapedForDisplay): expected a string, found \(row[key]?.summary ?? "nothing")")
        }
        return string
      }
      guard row.object != nil else {
        throw DatasetError(path, line: line, "expected an object, found \(row.summary)")
      }
      var id: Int32 = -1
      if let classes, let label {
        do {
          id = try classes.id(of: row[label])
        } catch {
          throw DatasetError(path, line: line, "\(label.escapedForDisplay): \(error)")
        }
      }
      examples.append(try string(textKey).utf8, pair: try pairKey.map(string)?.utf8, label: id)
    }
    return examples
  }

  private func key(_ column: Column) throws(DatasetError) -> String {
    guard case .name(let name) = column else {
      throw DatasetError(path, "\(column.name): columns of JSON lines have names, not numbers")
    }
    return name
  }
}

extension DatasetSource.Column {
  /// What to call the column in errors.
  fileprivate var name: String {
    switch self {
    case .name(let name): name.escapedForDisplay
    case .index(let index): "column \(index)"
    }
  }
}

extension Examples {
  /// One sentence a line, split on `\n` only, without labels. A `\r` stays in its text, where it is whitespace to the
  /// tokenizer.
  /// - Parameter name: What to call the bytes in errors, as `standard input`.
  package init(lines bytes: [UInt8], name: String) throws(DatasetError) {
    try self.init(lines: DatasetText(bytes, path: name))
  }

  fileprivate init(lines file: DatasetText) throws(DatasetError) {
    self.init(hasPairs: false)
    try file.forEachLine(of: file.bytes) { _, text throws(DatasetError) in
      append(text, pair: [UInt8]?.none, label: -1)
    }
  }
}
