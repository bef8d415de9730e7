import JSON

/// One row of a dataset.
package struct Example: Sendable, Equatable {
  package var text: String
  /// The second sentence of a pair.
  package var pair: String?
  /// The class, or nil if the row has none, or another target.
  package var label: Int?
}

/// Rows of a dataset in the order of the file, their texts end to end in one buffer.
///
/// An empty text is a row like any other: it is tokenised to the special tokens alone, as the `tokenizers` library
/// does, and predictions stay in step with the lines of the input.
package struct Examples: Sendable {
  /// UTF-8 of all texts: of each row the text, then its pair.
  private var bytes: [UInt8] = []
  /// Where each text ends.
  private var ends: [Int] = []
  /// Classes, or 0 where targets are `values`, or −1 where a row has none. (rows)
  package private(set) var labels: [Int32] = []
  /// Numbers to predict. (rows, width), or empty
  private(set) var values: [Float] = []
  /// How many numbers each row has as its target; 0 where it has a class.
  let valuesPerRow: Int
  /// Whether rows are lists of words.
  package let areOfWords: Bool
  /// Where in its row's text each word is, row after row. (words), or empty
  private var wordRanges: [Range<Int>] = []
  /// Where each row's words begin, with the total at the end. (rows + 1)
  private var wordStarts = [0]
  /// The tag of each word, −1 where its row has none. (words)
  private var tags: [Int32] = []
  package let hasPairs: Bool
  /// Which rows are ranked together; empty where nobody asked.
  var groups = RowGroups()
  /// What each row carries along, by `DatasetSource.keptColumns`. (rows), or empty
  package private(set) var kept: [[JSON]] = []
  /// What the user should know although it is no error.
  package private(set) var notices: [String] = []

  /// - Parameter targets: what rows are labelled with; `nil` without labels.
  init(hasPairs: Bool, targets: Targets? = nil) {
    self.hasPairs = hasPairs
    valuesPerRow = targets?.values ?? 0
    areOfWords = targets?.areOfWords ?? false
  }

  /// Rows without labels, from memory.
  ///
  /// - Parameters:
  ///   - pairs: as many, or none.
  ///   - targets: what decides how texts are read.
  package init(texts: [String], pairs: [String]?, for targets: Targets? = nil) {
    self.init(hasPairs: pairs != nil, targets: targets)
    for (row, text) in texts.enumerated() { append(text.utf8, pair: pairs?[row].utf8, target: .none) }
  }

  /// Each text of a pair as a row of its own, side by side, with the pair's target on both.
  package var separated: Examples { hasPairs && !areOfWords ? Examples(separating: self) : self }

  private init(separating pairs: Examples) {
    self.init(hasPairs: false, valuesPerRow: pairs.valuesPerRow)
    (bytes, ends, notices) = (pairs.bytes, pairs.ends, pairs.notices)
    labels = pairs.labels.flatMap { [$0, $0] }
    for row in pairs.labels.indices {
      let own = pairs.values[row * valuesPerRow..<(row + 1) * valuesPerRow]
      values += own + own
    }
  }

  private init(hasPairs: Bool, valuesPerRow: Int) {
    (self.hasPairs, self.valuesPerRow, areOfWords) = (hasPairs, valuesPerRow, false)
  }

  package var count: Int { labels.count }

  package subscript(row: Int) -> Example {
    Example(
      text: String(decoding: text(row), as: UTF8.self), pair: pair(row).map { String(decoding: $0, as: UTF8.self) },
      label: labels[row] < 0 || valuesPerRow > 0 || areOfWords ? nil : Int(labels[row]))
  }

  func text(_ row: Int) -> ArraySlice<UInt8> {
    slice(hasPairs ? 2 * row : row)
  }

  func pair(_ row: Int) -> ArraySlice<UInt8>? {
    hasPairs ? slice(2 * row + 1) : nil
  }

  /// All that there is, for a hash of it: a few buffers, the same for equal rows.
  package func forEachBuffer(_ body: (UnsafeRawBufferPointer) -> Void) {
    bytes.withUnsafeBytes(body)
    ends.withUnsafeBytes(body)
    labels.withUnsafeBytes(body)
    values.withUnsafeBytes(body)
    if areOfWords {
      wordRanges.withUnsafeBytes(body)
      wordStarts.withUnsafeBytes(body)
    }
    tags.withUnsafeBytes(body)
    groups.ids.withUnsafeBytes(body)
  }

  /// Where in its text each word of a row is, in bytes.
  func words(_ row: Int) -> ArraySlice<Range<Int>> { wordRanges[wordStarts[row]..<wordStarts[row + 1]] }

  func tags(_ row: Int) -> ArraySlice<Int32> { tags[wordStarts[row]..<wordStarts[row + 1]] }

  /// The words of a row, and which characters (code points) of its text each is.
  package func wordsWithPlaces(_ row: Int) -> [(word: String, characters: Range<Int>)] {
    let text = text(row)
    var (character, byte) = (0, 0)
    func place(_ offset: Int) -> Int {
      // All bytes but continuations begin a code point.
      character += text[text.startIndex + byte..<text.startIndex + offset].count { $0 & 0xC0 != 0x80 }
      byte = offset
      return character
    }
    return words(row).map { word in
      let start = place(word.lowerBound)
      return (
        String(decoding: text[text.startIndex + word.lowerBound..<text.startIndex + word.upperBound], as: UTF8.self),
        start..<place(word.upperBound)
      )
    }
  }

  /// A row of words. Its tags are as many.
  mutating func append(_ row: WordRow, target: Target) {
    precondition(areOfWords && target.problem(words: row.words.count) == nil, "each word has a tag")
    bytes += row.text
    ends.append(bytes.count)
    if hasPairs { ends.append(bytes.count) }
    wordRanges += row.words
    wordStarts.append(wordRanges.count)
    guard case .tags(let own) = target else {
      labels.append(-1)
      tags.append(contentsOf: repeatElement(-1, count: row.words.count))
      return
    }
    labels.append(0)
    tags += own
  }

  private func slice(_ text: Int) -> ArraySlice<UInt8> {
    bytes[(text == 0 ? 0 : ends[text - 1])..<ends[text]]
  }

  /// - Parameters:
  ///   - pair: There if and only if rows have pairs.
  ///   - target: of the kind that all rows have, or none.
  mutating func append(_ text: some Sequence<UInt8>, pair: (some Sequence<UInt8>)?, target: Target) {
    if areOfWords { return append(WordRow(text), target: target) }
    bytes.append(contentsOf: text)
    ends.append(bytes.count)
    if let pair {
      bytes.append(contentsOf: pair)
      ends.append(bytes.count)
    }
    switch target {
    case .none:
      labels.append(-1)
      values.append(contentsOf: repeatElement(0, count: valuesPerRow))
    case .label(let id): labels.append(id)
    case .values(let numbers):
      precondition(numbers.count == valuesPerRow, "a row has as many numbers as its targets say")
      labels.append(0)
      values += numbers
    case .tags: preconditionFailure("tags belong to rows of words")
    }
  }

  /// Adds rows of the same kind behind these.
  mutating func append(contentsOf other: Examples) {
    precondition(
      other.hasPairs == hasPairs && other.valuesPerRow == valuesPerRow && other.areOfWords == areOfWords,
      "rows are of one kind")
    ends += other.ends.lazy.map { [base = bytes.count] in base + $0 }
    bytes += other.bytes
    labels += other.labels
    values += other.values
    // Where words are is counted within each row's text.
    wordStarts += other.wordStarts.dropFirst().lazy.map { [base = wordRanges.count] in base + $0 }
    wordRanges += other.wordRanges
    tags += other.tags
    groups.append(contentsOf: other.groups)
    kept += other.kept
    notices += other.notices
  }

  /// Says which group the last row belongs to.
  mutating func join(group key: [UInt8]) { groups.append(key) }

  mutating func keep(_ values: [JSON]) { kept.append(values) }

  mutating func note(_ notice: String) { notices.append(notice) }

  /// Gives each class the place that it has in another list.
  mutating func arrange(by match: ClassMatch) {
    guard !match.isIdentity else { return }
    for row in labels.indices where labels[row] >= 0 { labels[row] = Int32(match.places[Int(labels[row])]) }
  }
}
