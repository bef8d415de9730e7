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
