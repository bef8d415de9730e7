import JSON

/// `vocab.txt`: a token a line, its id the number of the line from 0.
struct VocabularyFile {
  static let name = "vocab.txt"

  /// Tokens by line, whitespace at the end of lines dropped as the library does it.
  let lines: [String]
  let file: String

  /// - Parameter file: What to call the file in errors.
  init(_ bytes: [UInt8], file: String) throws(TokenizerError) {
    self.file = file
    if let invalid = UTF8Text.firstInvalid(bytes[...]) {
      throw TokenizerError(file, "expected UTF-8, found byte \(bytes[invalid]) at offset \(invalid)")
    }
    let lineFeed = UInt8(ascii: "\n")
    let count = bytes.count { $0 == lineFeed } + (bytes.isEmpty || bytes.last == lineFeed ? 0 : 1)
    // A line takes 16 bytes however short, and those of real vocabularies have more than two.
    let limit = min(Vocabulary.maximumId, bytes.count / 2 + 1_000)
    guard count <= limit else { throw TokenizerError(file, "expected at most \(limit) lines, found \(count)") }
    var lines: [String] = []
    lines.reserveCapacity(count)
    var rest = bytes[...]
    while !rest.isEmpty {
      let end = rest.firstIndex(of: lineFeed) ?? rest.endIndex
      lines.append(Self.trimmed(rest[..<end]))
      rest = rest[min(end + 1, rest.endIndex)...]
    }
    self.lines = lines
  }

  /// Tokens and their ids. A token on several lines has the id of the last.
  var vocabulary: [(token: String, id: Int32)] {
    var seen = KeyTable(capacity: lines.count)
    var vocabulary: [(token: String, id: Int32)] = []
    vocabulary.reserveCapacity(lines.count)
    for line in lines.indices.reversed() where seen.insert(line, in: lines) {
      vocabulary.append((lines[line], Int32(line)))
    }
    vocabulary.reverse()
    return vocabulary
  }

  /// The first difference from the vocabulary of `tokenizer.json`, in words, or nil if both say the same.
  func difference(
    from vocabulary: Vocabulary, addedTokens: [AddedToken]
  ) -> String? {
    var tokens: [Int32: String] = [:]
    for (id, token) in vocabulary.tokens.enumerated() {
      if let token { tokens[Int32(id)] = Self.trimmed(Array(token.utf8)[...]) }
    }
    for token in addedTokens { tokens[token.id] = token.content }
    for (line, id) in self.vocabulary {
      guard let token = tokens.removeValue(forKey: id) else { return "\(line.quoted) is only in \(Self.name)" }
      guard token.utf8.elementsEqual(line.utf8) else {
        return "id \(id) is \(token.quoted) in \(TokenizerJSON.name) and \(line.quoted) in \(Self.name)"
      }
    }
    // What vocab.txt lacks may only be an added token.
    let missing = vocabulary.tokens.indices.first { tokens[Int32($0)] != nil && vocabulary.tokens[$0] != nil }
    return missing.map { "\((vocabulary.tokens[$0] ?? "").quoted) is only in \(TokenizerJSON.name)" }
  }

  private static func trimmed(_ line: ArraySlice<UInt8>) -> String {
    var end = line.endIndex
    while let start = UTF8Text.whitespace(line[..<end], endingAt: end) { end = start }
    return String(decoding: line[..<end], as: UTF8.self)
  }
}
