/// A token found in the text as it stands, before words are split.
struct AddedToken: Sendable, Equatable {
  var content: String
  var id: Int32
  /// Only where no word character touches it.
  var singleWord = false
  /// Takes the whitespace before it along.
  var stripsLeft = false
  /// Takes the whitespace after it along.
  var stripsRight = false
  /// Looked for, itself normalised, in the normalised text.
  var isNormalized = false
  var isSpecial = false
}

/// The ids that the library gives added tokens, one after the other.
struct AddedTokenIds {
  /// More are taken for damage.
  static let maximumCount = 10_000

  private let model: WordPiece
  private var ids: [[UInt8]: Int32] = [:]
  /// The first id that neither the vocabulary nor a token added before has.
  private var free: Int32

  init(_ model: WordPiece) {
    self.model = model
    free = Int32(model.tokens.count { $0 != nil })
  }

  func contains(_ content: String) -> Bool { ids[Array(content.utf8)] != nil }

  /// The id of the next token: that of the vocabulary, else the next free one.
  mutating func add(_ content: String) -> Int32 {
    let bytes = Array(content.utf8)
    if let id = ids[bytes] { return id }
    let id = model.id(of: content) ?? free
    ids[bytes] = id
    free = max(free, id + 1)
    return id
  }
}

/// Added tokens found in a text: the leftmost, of these the longest.
struct AddedTokenMatcher: Sendable {
  private let tokens: [AddedToken]
  private let contents: PieceTrie
  /// Whether some token starts with a byte.
  private let starts: [Bool]

  /// - Parameter contents: What to look for, one for each token, none empty. Of equals the first counts.
  init(_ tokens: [AddedToken], contents: [[UInt8]]) {
    self.tokens = tokens
    self.contents = PieceTrie(
      zip(contents, tokens.indices).reversed().map { (String(decoding: $0, as: UTF8.self), Int32($1)) })
    var starts = [Bool](repeating: false, count: 256)
    for content in contents { starts[Int(content[0])] = true }
    self.starts = starts
  }

  enum Part {
    case text(ArraySlice<UInt8>)
    case token(Int32)
  }

  /// Calls `body` for each token and for what is between them, from left to right.
  @inline(__always)
  func split(_ bytes: ArraySlice<UInt8>, _ body: (Part) -> Void) {
    guard !tokens.isEmpty else {
      body(.text(bytes))
      return
    }
    var done = bytes.startIndex
    /// The end of the last whitespace that a token took along, which another within it takes as well.
    var spaceEnd = bytes.startIndex
    var index = bytes.startIndex
    while index < bytes.endIndex {
      guard starts[Int(bytes[index])], let match = contents.longestMatch(in: bytes, at: index) else {
        index += 1
        continue
      }
      var (start, end) = (index, match.end)
      index = match.end
      let found = tokens[Int(match.value)]
      if found.singleWord, touchesWord(bytes, start, end) { continue }
      if found.stripsLeft {
        while start > done, let space = whitespace(bytes, endingAt: start) { start = space }
        start = max(start, done)
      }
      if found.stripsRight {
        end = max(end, spaceEnd)
        while let space = whitespace(bytes, startingAt: end) { end = space }
        spaceEnd = end
      }
      if done < start { body(.text(bytes[done..<start])) }
      body(.token(found.id))
      done = end
    }
    if done < bytes.endIndex { body(.text(bytes[done...])) }
  }

  private func touchesWord(_ bytes: ArraySlice<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let classes = CharacterClasses.shared
    if let before = UTF8Text.last(bytes, before: start), classes[before].contains(.word) { return true }
    guard end < bytes.endIndex else { return false }
    var index = end
    return classes[UTF8Text.next(bytes, &index)].contains(.word)
  }

  /// Where the whitespace that ends at `index` starts.
  private func whitespace(_ bytes: ArraySlice<UInt8>, endingAt index: Int) -> Int? {
    guard let scalar = UTF8Text.last(bytes, before: index), CharacterClasses.shared[scalar].contains(.whitespace) else {
      return nil
    }
    return index - UTF8.width(Unicode.Scalar(scalar) ?? " ")
  }

  /// Where the whitespace that starts at `index` ends.
  private func whitespace(_ bytes: ArraySlice<UInt8>, startingAt index: Int) -> Int? {
    guard index < bytes.endIndex else { return nil }
    var end = index
    return CharacterClasses.shared[UTF8Text.next(bytes, &end)].contains(.whitespace) ? end : nil
  }
}
