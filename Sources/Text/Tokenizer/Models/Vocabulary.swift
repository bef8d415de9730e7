/// The tokens of a model and their ids.
struct Vocabulary: Sendable {
  /// Tokens by id; nil where an id is not used.
  let tokens: [String?]
  let pieces: PieceTrie
  /// How many tokens there are.
  let count: Int
  let file: String

  /// Ids above this are taken for damage, before anything of their size is allocated.
  static let maximumId = 1 << 22
  /// Longer tokens are taken for damage: how far a token is followed in vain bounds the time a text takes. In bytes.
  static let maximumTokenLength = 512
  /// So many more ids than tokens may be unused, so that a few bytes cannot ask for tens of megabytes.
  private static let maximumUnusedIds = 1 << 18

  /// - Parameters:
  ///   - vocabulary: Tokens and their ids, from 0 to `maximumId`, no id twice. Of equal tokens the last counts.
  ///   - file: The file at fault in case of an error.
  init(_ vocabulary: [(token: String, id: Int32)], file: String) throws(TokenizerError) {
    let bytes = vocabulary.reduce(0) { $0 + $1.token.utf8.count }
    guard bytes <= PieceTrie.maximumBytes else {
      throw TokenizerError(
        file, "vocabulary: expected at most \(PieceTrie.maximumBytes) bytes of tokens, found \(bytes)")
    }
    let count = vocabulary.reduce(0) { max($0, Int($1.id) + 1) }
    guard count <= 4 * vocabulary.count + Self.maximumUnusedIds else {
      throw TokenizerError(
        file, "vocabulary: expected ids from 0 on, found \(count - 1) as the last of \(vocabulary.count) tokens")
    }
    var tokens = [String?](repeating: nil, count: count)
    for (token, id) in vocabulary {
      guard token.utf8.count <= Self.maximumTokenLength else {
        throw TokenizerError(
          file, "vocabulary: token \(id): expected at most \(Self.maximumTokenLength) bytes, found \(token.utf8.count)")
      }
      if let other = tokens[Int(id)] {
        throw TokenizerError(file, "vocabulary: id \(id) is both \(other.quoted) and \(token.quoted)")
      }
      tokens[Int(id)] = token
    }
    self.tokens = tokens
    self.file = file
    self.count = vocabulary.count
    pieces = PieceTrie(vocabulary.lazy.map { (piece: $0.token, value: $0.id) })
  }

  func token(of id: Int32) -> String? { tokens.indices.contains(Int(id)) ? tokens[Int(id)] : nil }

  /// The id of a whole token, or nil if the vocabulary lacks it.
  func id(of token: String) -> Int32? { pieces.value(of: token) }
}

/// The tokens `<0x00>` … `<0xFF>`, which stand for the bytes of characters that the vocabulary lacks.
struct ByteTokens: Sendable {
  /// −1 where there is none.
  private let ids: [Int32]

  init(_ vocabulary: Vocabulary) {
    ids = (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return vocabulary.id(of: "<0x\(byte < 16 ? "0" : "")\(digits)>") ?? -1
    }
  }

  /// Whether all of these bytes have tokens.
  func cover(_ bytes: ArraySlice<UInt8>) -> Bool { bytes.allSatisfy { ids[Int($0)] >= 0 } }

  subscript(byte: UInt8) -> Int32 { ids[Int(byte)] }
}
