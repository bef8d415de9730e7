import JSON

extension DatasetSource {
  func readJSONL(_ file: DatasetText, _ reader: TargetReader?) throws(DatasetError) -> Examples {
    var textKey = try key(textColumn)
    var pairKey = try pairColumn.map(key)
    var label = try reader == nil ? nil : labelColumn.map(key)
    var examples = Examples(hasPairs: pairKey != nil, targets: reader?.targets)
    var isFirst = true
    try file.forEachLine(of: file.bytes) { line, bytes throws(DatasetError) in
      guard !bytes.isBlank else { return }
      let row: JSON
      do throws(JSONError) {
        row = try JSON.parse(Array(bytes))
      } catch {
        throw DatasetError(
          path, line: line, error.location.map { "column \($0.column): \(error.reason)" } ?? error.reason)
      }
      guard let members = row.object else {
        let isList = line == 1 && (row.array != nil || bytes.first == UInt8(ascii: "["))
        throw DatasetError(
          path, line: line,
          "expected an object, found \(row.summary)" + (isList ? "; write one object a line, without the list" : ""))
      }
      if isFirst {
        isFirst = false
        if examples.areOfWords {
          // As published data sets call them, unless another key is given.
          if textKey == "text" { textKey = ["words", "tokens"].first { members[$0] != nil } ?? textKey }
          if label == "label" { label = ["tags", "ner_tags"].first { members[$0] != nil } ?? label }
        } else if pairKey == nil, findsPair, members[Self.pairName] != nil {
          pairKey = Self.pairName
        }
        examples = Examples(hasPairs: pairKey != nil, targets: reader?.targets)
      }
      func string(_ key: String) throws(DatasetError) -> String {
        if let string = row[key]?.string { return string }
        let keys = members.keys.prefix(10).map(\.escapedForDisplay).joined(separator: ", ")
        let remedy = row[key] == nil && line == 1 ? "; the row has \(keys)" : ""
        throw DatasetError(
          path, line: line,
          "\(key.escapedForDisplay): expected a string, found \(row[key]?.summary ?? "nothing")\(remedy)")
      }
      var target = Target.none
      if let reader, let label {
        do {
          target = try reader.target(of: row[label])
        } catch {
          throw DatasetError(path, line: line, "\(label.escapedForDisplay): \(error)", isOfLabel: true)
        }
      }
      if examples.areOfWords {
        let own: WordRow
        if let list = row[textKey]?.array {
          own = try words(list, textKey, line)
        } else {
          own = WordRow(try string(textKey).utf8)
        }
        if let problem = target.problem(words: own.words.count) {
          throw DatasetError(path, line: line, "\((label ?? "").escapedForDisplay): \(problem)", isOfLabel: true)
        }
        examples.append(own, target: target)
        try keep(line, in: file, &examples) { row[$0] }
        return
      }
      examples.append(try string(textKey).utf8, pair: try pairKey.map(string)?.utf8, target: target)
      try keep(line, in: file, &examples) { row[$0] }
    }
    return examples
  }

  private func words(_ list: [JSON], _ key: String, _ line: Int) throws(DatasetError) -> WordRow {
    var words: [String.UTF8View] = []
    for word in list {
      guard let text = word.string else {
        throw DatasetError(path, line: line, "\(key.escapedForDisplay): expected words, found \(word.summary)")
      }
      words.append(text.utf8)
    }
    return WordRow(words: words)
  }

  private func key(_ column: Column) throws(DatasetError) -> String {
    guard case .name(let name) = column else {
      throw DatasetError(path, "\(column.name): columns of JSON lines have names, not numbers; give a key of the rows")
    }
    return name
  }
}
