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
    let end = bytes.last == UInt8(ascii: "\n") ? bytes.endIndex - 1 : bytes.endIndex
    lines =
      bytes.isEmpty
      ? []
      : bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        .map { Self.trimmed($0) }
    guard lines.count <= WordPiece.maximumId else {
      throw TokenizerError(file, "expected at most \(WordPiece.maximumId) lines, found \(lines.count)")
    }
  }

  /// Tokens and their ids. A token on several lines has the id of the last.
  var vocabulary: [(token: String, id: Int32)] {
    var seen = Set<[UInt8]>()
    let distinct = zip(lines, lines.indices).reversed().filter { seen.insert(Array($0.0.utf8)).inserted }
    return distinct.reversed().map { ($0.0, Int32($0.1)) }
  }

  /// The first difference from the vocabulary of `tokenizer.json`, in words, or nil if both say the same.
  func difference(
    from vocabulary: [(token: String, id: Int32)], addedTokens: [AddedToken]
  ) -> String? {
    var tokens: [Int32: String] = [:]
    for (token, id) in vocabulary { tokens[id] = Self.trimmed(Array(token.utf8)[...]) }
    for token in addedTokens { tokens[token.id] = token.content }
    for (line, id) in self.vocabulary {
      guard let token = tokens.removeValue(forKey: id) else { return "\(line.quoted) is only in \(Self.name)" }
      guard token.utf8.elementsEqual(line.utf8) else {
        return "id \(id) is \(token.quoted) in \(TokenizerJSON.name) and \(line.quoted) in \(Self.name)"
      }
    }
    // What vocab.txt lacks may only be an added token.
    let missing = vocabulary.first { tokens[$0.id] != nil }
    return missing.map { "\($0.token.quoted) is only in \(TokenizerJSON.name)" }
  }

  private static func trimmed(_ line: ArraySlice<UInt8>) -> String {
    var end = line.endIndex
    while let scalar = UTF8Text.last(line[..<end], before: end), CharacterClasses.shared[scalar].contains(.whitespace) {
      end -= UTF8.width(Unicode.Scalar(scalar) ?? " ")
    }
    return String(decoding: line[..<end], as: UTF8.self)
  }
}
