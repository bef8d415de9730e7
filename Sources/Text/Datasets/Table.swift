import JSON

/// Which columns of a CSV or a TSV hold what.
struct Table {
  let path: String
  let columns: Int
  let skipsShortRows: Bool
  let text: Int
  let pair: Int?
  let label: (index: Int, name: String, reader: TargetReader)?
  let group: (index: Int, name: String)?
  /// Of `DatasetSource.keptColumns`.
  let kept: [Int]

  /// - Parameters:
  ///   - header: the columns' names, or `nil` where the file has none.
  ///   - first: the first record.
  init(
    _ source: DatasetSource, header: [String]?, first: [ArraySlice<UInt8>], _ targets: TargetReader?
  ) throws(DatasetError) {
    let columns = first.count
    let other = Self.otherSeparator(of: first, source)
    func index(_ column: DatasetSource.Column, isLabel: Bool = false) throws(DatasetError) -> Int {
      switch column {
      case .index(let index):
        guard (0..<columns).contains(index) else {
          throw DatasetError(
            source.path,
            "column \(index): expected a number from 0 to \(columns - 1)" + (other.map { "; \($0)" } ?? ""))
        }
        return index
      case .name(let name):
        guard let header else {
          throw DatasetError(
            source.path,
            "column \(name.quoted): a file without header has numbered columns only; give a number from 0")
        }
        let matches = header.indices.filter { header[$0].utf8.elementsEqual(name.utf8) }
        guard matches.count == 1 else {
          let shown = header.prefix(20).map(\.quoted).joined(separator: ", ")
          let found = header.count > 20 ? "\(shown) and \(header.count - 20) more" : shown
          throw DatasetError(
            source.path, line: 1,
            "column \(name.quoted): expected once in the header, found \(found)" + (other.map { "; \($0)" } ?? ""),
            isOfLabel: isLabel && other == nil)
        }
        return matches[0]
      }
    }
    path = source.path
    self.columns = columns
    skipsShortRows = source.skipsShortRows
    text = try index(source.textColumn)
    if let column = source.pairColumn {
      pair = try index(column)
    } else {
      let isThere = source.findsPair && header?.count { $0 == DatasetSource.pairName } == 1
      pair = isThere ? try index(.name(DatasetSource.pairName)) : nil
    }
    if let column = source.labelColumn, let targets {
      label = (try index(column, isLabel: true), column.name, targets)
    } else {
      label = nil
    }
    group = try source.groupColumn.map { column throws(DatasetError) in (try index(column), column.name) }
    var kept: [Int] = []
    for name in source.keptColumns {
      let column = header == nil ? Int(name).map { DatasetSource.Column.index($0) } : nil
      kept.append(try index(column ?? .name(name)))
    }
    self.kept = kept
  }

  func append(
    _ fields: [ArraySlice<UInt8>], line: Int, to examples: inout Examples
  ) throws(DatasetError) {
    guard fields.count == columns else {
      // A blank line is no row where rows have several fields.
      if fields.count == 1, fields[0].isBlank { return }
      if skipsShortRows && fields.count < columns { return }
      throw DatasetError(
        path, line: line,
        "expected \(columns) fields, found \(fields.count); fields that hold a separator or a line end must be quoted, "
          + "which only CSV can")
    }
    var target = Target.none
    if let label {
      do {
        target = try label.reader.target(of: fields[label.index].text)
      } catch {
        throw DatasetError(path, line: line, "\(label.name): \(error)", isOfLabel: true)
      }
    }
    if examples.areOfWords {
      let row = WordRow(fields[text])
      if let problem = target.problem(words: row.words.count) {
        throw DatasetError(path, line: line, "\(label?.name ?? ""): \(problem)", isOfLabel: true)
      }
      examples.append(row, target: target)
      if !kept.isEmpty { examples.keep(kept.map { .string(fields[$0].text) }) }
      return
    }
    examples.append(fields[text], pair: pair.map { fields[$0] }, target: target)
    if let group {
      let key = fields[group.index]
      guard !key.isBlank else { throw DatasetError(path, line: line, RowGroups.missing(group.name)) }
      examples.join(group: Array(key))
    }
    if !kept.isEmpty { examples.keep(kept.map { .string(fields[$0].text) }) }
  }

  /// What to do where the first record is a single field that another separator would part.
  private static func otherSeparator(of first: [ArraySlice<UInt8>], _ source: DatasetSource) -> String? {
    guard first.count == 1 else { return nil }
    if source.format != .csv {
      return first[0].contains(UInt8(ascii: ",")) ? "its fields seem to have commas between them; read it as CSV" : nil
    }
    for (byte, name) in [(UInt8(ascii: ";"), "';'"), (UInt8(ascii: "\t"), "tab"), (UInt8(ascii: "|"), "'|'")]
    where byte != source.separator && first[0].contains(byte) {
      return "its fields seem to have \(name) between them; give separator: \(name) (of a command, --separator \(name))"
    }
    return nil
  }
}
