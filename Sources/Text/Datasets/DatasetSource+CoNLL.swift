import JSON

extension DatasetSource {
  /// A word a line, in columns that tabs or else blanks part; a blank line ends a sentence. Without other numbers, the
  /// word is the first column and its tag the last.
  func readCoNLL(_ file: DatasetText, _ reader: TargetReader?) throws(DatasetError) -> Examples {
    if let reader, !reader.targets.areOfWords {
      throw DatasetError(
        path, "has a tag for each word, which task.kind: tokens learns; give another file, or that task")
    }
    var examples = Examples(hasPairs: false, targets: reader?.targets)
    var words: [ArraySlice<UInt8>] = []
    var tags: [Int32] = []
    func finish() {
      defer { (words, tags) = ([], []) }
      guard !words.isEmpty else { return }
      let row = WordRow(words: words)
      guard examples.areOfWords else { return examples.append(row.text, pair: [UInt8]?.none, target: .none) }
      examples.append(row, target: labelColumn == nil ? .none : .tags(tags))
    }
    try file.forEachLine(of: file.bytes) { line, bytes throws(DatasetError) in
      let bytes = bytes.withoutCarriageReturn
      guard !bytes.isBlank else { return finish() }
      let tab = UInt8(ascii: "\t")
      let fields =
        bytes.contains(tab)
        ? bytes.split(separator: tab, omittingEmptySubsequences: false) : bytes.split(separator: UInt8(ascii: " "))
      let word = try column(textColumn, else: 0, of: fields, line)
      guard !word.elementsEqual("-DOCSTART-".utf8) else { return }
      words.append(word)
      guard let reader, let labelColumn else { return }
      let tag = try column(labelColumn, else: fields.count - 1, of: fields, line)
      do {
        if case .tags(let ids) = try reader.target(of: tag.text) { tags += ids }
      } catch {
        throw DatasetError(path, line: line, "tag: \(error)", isOfLabel: true)
      }
      guard tags.count == words.count else {
        throw DatasetError(path, line: line, "tag: expected one tag for the word, found \(tag.text.quoted)")
      }
    }
    finish()
    return examples
  }

  private func column(
    _ column: Column, else standard: Int, of fields: [ArraySlice<UInt8>], _ line: Int
  ) throws(DatasetError) -> ArraySlice<UInt8> {
    var index = standard
    if case .index(let number) = column { index = number }
    guard fields.count > 1 || labelColumn == nil, fields.indices.contains(index) else {
      throw DatasetError(
        path, line: line, "expected a word and a tag, with a tab or blanks between them, found \(fields.count) columns")
    }
    return fields[index]
  }
}
