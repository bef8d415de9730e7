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

  private let vocabulary: Vocabulary
  private var ids: [[UInt8]: Int32] = [:]
  /// The first id that neither the vocabulary nor a token added before has.
  private var free: Int32

  init(_ vocabulary: Vocabulary) {
    self.vocabulary = vocabulary
    free = Int32(vocabulary.count)
  }

  func contains(_ content: String) -> Bool { ids[Array(content.utf8)] != nil }

  /// The id of the next token: that of the vocabulary, else the next free one.
  mutating func add(_ content: String) -> Int32 {
    let bytes = Array(content.utf8)
    if let id = ids[bytes] { return id }
    let id = vocabulary.id(of: content) ?? free
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
    /// With the whitespace that it takes along.
    case token(Int32, Range<Int>)
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
        while start > done, let space = UTF8Text.whitespace(bytes, endingAt: start) { start = space }
        start = max(start, done)
      }
      if found.stripsRight {
        end = max(end, spaceEnd)
        while let space = UTF8Text.whitespace(bytes, startingAt: end) { end = space }
        spaceEnd = end
      }
      if done < start { body(.text(bytes[done..<start])) }
      body(.token(found.id, start..<end))
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
}
