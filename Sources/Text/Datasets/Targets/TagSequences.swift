import JSON

/// The tags of a row's words.
struct TagSequences {
  private let tags: ClassLabels
  /// Whether null says that a row has none.
  private let allowsNone: Bool

  init(names: [String], allowsNone: Bool, key: String?) {
    tags = ClassLabels(names: names, key: key)
    self.allowsNone = allowsNone
  }

  /// Names or numbers with blanks between them.
  func target(of text: String) throws(TargetMismatch) -> Target {
    var ids: [Int32] = []
    for part in text.split(whereSeparator: { $0 == " " || $0 == "\t" }) { ids.append(try tags.id(of: String(part))) }
    return .tags(ids)
  }

  func target(of json: JSON?) throws(TargetMismatch) -> Target {
    switch json {
    case .null where allowsNone, nil where allowsNone: return .none
    case .string(let text): return try target(of: text)
    case .array(let list):
      var ids: [Int32] = []
      for element in list { ids.append(try tags.id(of: element)) }
      return .tags(ids)
    default:
      throw TargetMismatch(
        expected: "a list of tags", found: json?.summary ?? "nothing", remedy: "give each word of the row a tag")
    }
  }
}

/// A row of words: its text, and where in it each word is.
struct WordRow {
  private(set) var text: [UInt8] = []
  private(set) var words: [Range<Int>] = []

  /// The words of a text, which blanks, tabs and carriage returns part.
  init(_ text: some Sequence<UInt8>) {
    self.text = Array(text)
    var start: Int?
    for (index, byte) in self.text.enumerated() {
      let isBlank = byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
      if isBlank, let first = start {
        words.append(first..<index)
        start = nil
      } else if !isBlank, start == nil {
        start = index
      }
    }
    if let start { words.append(start..<self.text.count) }
  }

  /// Given words, with a blank between them in the text.
  init(words list: some Sequence<some Sequence<UInt8>>) {
    for word in list {
      if !words.isEmpty { text.append(UInt8(ascii: " ")) }
      let start = text.count
      text.append(contentsOf: word)
      words.append(start..<text.count)
    }
  }
}
