/// The WordPiece model: the longest piece of the vocabulary that starts a word, then the longest continuing pieces.
struct WordPiece: Sendable {
  let vocabulary: Vocabulary
  let unknownToken: String
  let unknownId: Int32
  /// What a piece within a word starts with, `##`.
  let continuingPrefix: String
  /// Longer words are unknown. In code points.
  let maximumWordLength: Int

  /// Where continuing pieces start, or nil if there are none.
  private let continuation: PieceTrie.Node?

  init(
    _ vocabulary: Vocabulary, unknownToken: String, continuingPrefix: String = "##", maximumWordLength: Int = 100
  ) throws(TokenizerError) {
    self.vocabulary = vocabulary
    continuation = vocabulary.pieces.node(of: Array(continuingPrefix.utf8)[...])
    guard let unknownId = vocabulary.id(of: unknownToken) else {
      throw TokenizerError(vocabulary.file, "vocabulary: lacks the unknown token \(unknownToken.quoted)")
    }
    self.unknownToken = unknownToken
    self.unknownId = unknownId
    self.continuingPrefix = continuingPrefix
    self.maximumWordLength = maximumWordLength
  }

  /// Appends the pieces of one word in UTF-8 to `tokens`: the unknown token alone if they cannot cover it.
  @inline(__always)
  func tokenize(_ word: ArraySlice<UInt8>, into tokens: inout WordCache.Tokens) {
    let before = tokens.ids.count
    if word.count > maximumWordLength, word.lazy.filter({ $0 & 0xC0 != 0x80 }).count > maximumWordLength {
      tokens.append(unknownId, word.count)
      return
    }
    var start = word.startIndex
    var node: PieceTrie.Node? = PieceTrie.root
    while start < word.endIndex {
      guard let from = node, let match = vocabulary.pieces.longestMatch(in: word, at: start, from: from) else {
        tokens.ids.removeSubrange(before...)
        tokens.lengths.removeSubrange(before...)
        tokens.append(unknownId, word.count)
        return
      }
      tokens.append(match.value, match.end - start)
      start = match.end
      node = continuation
    }
  }
}
