import JSON

/// The WordPiece model: the longest piece of the vocabulary that starts a word, then the longest continuing pieces.
struct WordPiece: Sendable {
  /// Tokens by id; nil where an id is not used.
  let tokens: [String?]
  let unknownToken: String
  let unknownId: Int32
  /// What a piece within a word starts with, `##`.
  let continuingPrefix: String
  /// Longer words are unknown. In code points.
  let maximumWordLength: Int

  private let pieces: PieceTrie
  /// Where continuing pieces start, or nil if there are none.
  private let continuation: PieceTrie.Node?

  /// Ids above this are taken for damage, before anything of their size is allocated.
  static let maximumId = 1 << 22
  /// Longer tokens are taken for damage: how far a token is followed in vain bounds the time a text takes. In bytes.
  static let maximumTokenLength = 512
  /// So many more ids than tokens may be unused, so that a few bytes cannot ask for tens of megabytes.
  private static let maximumUnusedIds = 1 << 18

  /// - Parameters:
  ///   - vocabulary: Tokens and their ids, from 0 to `maximumId`, no token twice.
  ///   - path: The file at fault in case of an error.
  init(
    vocabulary: [(token: String, id: Int32)], unknownToken: String, continuingPrefix: String = "##",
    maximumWordLength: Int = 100, path: String
  ) throws(TokenizerError) {
    let bytes = vocabulary.reduce(0) { $0 + $1.token.utf8.count }
    guard bytes <= PieceTrie.maximumBytes else {
      throw TokenizerError(
        path, "vocabulary: expected at most \(PieceTrie.maximumBytes) bytes of tokens, found \(bytes)")
    }
    let count = vocabulary.reduce(0) { max($0, Int($1.id) + 1) }
    guard count <= 4 * vocabulary.count + Self.maximumUnusedIds else {
      throw TokenizerError(
        path, "vocabulary: expected ids from 0 on, found \(count - 1) as the last of \(vocabulary.count) tokens")
    }
    var tokens = [String?](repeating: nil, count: count)
    for (token, id) in vocabulary {
      guard token.utf8.count <= Self.maximumTokenLength else {
        throw TokenizerError(
          path, "vocabulary: token \(id): expected at most \(Self.maximumTokenLength) bytes, found \(token.utf8.count)")
      }
      if let other = tokens[Int(id)] {
        throw TokenizerError(path, "vocabulary: id \(id) is both \(other.quoted) and \(token.quoted)")
      }
      tokens[Int(id)] = token
    }
    self.tokens = tokens
    pieces = PieceTrie(vocabulary.lazy.map { (piece: $0.token, value: $0.id) })
    continuation = pieces.node(of: continuingPrefix)
    guard let unknownId = pieces.value(of: unknownToken) else {
      throw TokenizerError(path, "vocabulary: lacks the unknown token \(unknownToken.quoted)")
    }
    self.unknownToken = unknownToken
    self.unknownId = unknownId
    self.continuingPrefix = continuingPrefix
    self.maximumWordLength = maximumWordLength
  }

  func token(of id: Int32) -> String? { tokens.indices.contains(Int(id)) ? tokens[Int(id)] : nil }

  /// The id of a whole token, or nil if the vocabulary lacks it.
  func id(of token: String) -> Int32? { pieces.value(of: token) }

  /// Appends the pieces of one word in UTF-8 to `ids`: the unknown token alone if they cannot cover it.
  @inline(__always)
  func tokenize(_ word: ArraySlice<UInt8>, into ids: inout [Int32]) {
    let before = ids.count
    if word.count > maximumWordLength, word.lazy.filter({ $0 & 0xC0 != 0x80 }).count > maximumWordLength {
      ids.append(unknownId)
      return
    }
    var start = word.startIndex
    var node: PieceTrie.Node? = PieceTrie.root
    while start < word.endIndex {
      guard let from = node, let match = pieces.longestMatch(in: word, at: start, from: from) else {
        ids.removeSubrange(before...)
        ids.append(unknownId)
        return
      }
      ids.append(match.value)
      start = match.end
      node = continuation
    }
  }
}
