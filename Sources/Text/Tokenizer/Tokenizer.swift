/// A BERT tokenizer: WordPiece with the settings of a Hugging Face directory, token for token what the `tokenizers`
/// library does. A value that threads may share.
package struct Tokenizer: Sendable {
  let definition: TokenizerDefinition
  /// The tokenizer's files as they were read, by name.
  let originals: [(name: String, bytes: [UInt8])]
  private let literalTokens: AddedTokenMatcher
  private let normalizedTokens: AddedTokenMatcher
  /// The texts of added tokens by id.
  private let addedContents: [Int32: String]

  init(_ definition: TokenizerDefinition, originals: [(name: String, bytes: [UInt8])]) throws(TokenizerError) {
    self.definition = definition
    self.originals = originals
    // Of tokens with equal contents the library finds special ones first.
    let added = definition.addedTokens.filter(\.isSpecial) + definition.addedTokens.filter { !$0.isSpecial }
    let literal = added.filter { !$0.isNormalized }
    literalTokens = AddedTokenMatcher(literal, contents: literal.map { Array($0.content.utf8) })
    let normalized = added.filter(\.isNormalized)
    var contents: [[UInt8]] = []
    for token in normalized {
      var content: [UInt8] = []
      definition.normalizer.normalize(Array(token.content.utf8)[...], into: &content)
      guard !content.isEmpty else {
        throw TokenizerError(nil, "added token \(token.content.quoted): nothing is left of it once normalised")
      }
      contents.append(content)
    }
    normalizedTokens = AddedTokenMatcher(normalized, contents: contents)
    addedContents = Dictionary(definition.addedTokens.map { ($0.id, $0.content) }) { first, _ in first }
  }

  /// One more than the highest token id.
  package var vocabularySize: Int {
    max(definition.model.tokens.count, definition.addedTokens.reduce(0) { max($0, Int($1.id) + 1) })
  }
  package var clsId: Int32 { definition.clsId }
  package var sepId: Int32 { definition.sepId }
  package var unknownId: Int32 { definition.model.unknownId }
  /// nil if the vocabulary has no padding token.
  package var padId: Int32? { definition.padId }

  /// The text of a token, as `##ing`, or nil if there is no such id.
  package func token(of id: Int32) -> String? {
    addedContents[id] ?? definition.model.token(of: id)
  }

  /// How many special tokens surround a sentence, or a pair: the least `maxLength`.
  package func specialTokens(isPair: Bool) -> Int { definition.template.specialTokens(isPair: isPair) }

  /// The tokens of a sentence, or of a pair of sentences.
  ///
  /// An empty sentence has no tokens but the special ones.
  /// - Parameter maxLength: The most tokens to return, special ones included; nil for all there are.
  /// - Throws: If `maxLength` is less than the number of special tokens, or if the sentence that `truncation` names is
  ///   too short to lose all that is too much.
  package func encode(
    _ text: String, pair: String? = nil, maxLength: Int? = nil, truncation: Truncation = .longestFirst
  ) throws(TokenizerError) -> Encoding {
    var work = Workspace()
    return try encode(
      Array(text.utf8)[...], pair: pair.map { Array($0.utf8)[...] }, maxLength: maxLength, truncation: truncation,
      &work)
  }

  /// Buffers that a thread uses again and again.
  struct Workspace {
    fileprivate var normalized: [UInt8] = []
    fileprivate var first: [Int32] = []
    fileprivate var second: [Int32] = []
  }

  /// As `encode`, of UTF-8.
  func encode(
    _ text: ArraySlice<UInt8>, pair: ArraySlice<UInt8>?, maxLength: Int?, truncation: Truncation,
    _ work: inout Workspace
  ) throws(TokenizerError) -> Encoding {
    work.first.removeAll(keepingCapacity: true)
    work.second.removeAll(keepingCapacity: true)
    appendPieces(of: text, to: &work.first, normalized: &work.normalized)
    if let pair { appendPieces(of: pair, to: &work.second, normalized: &work.normalized) }

    var encoding = Encoding()
    var (first, second) = (work.first[...], work.second[...])
    if let maxLength {
      let specialTokens = specialTokens(isPair: pair != nil)
      guard maxLength >= specialTokens else {
        throw TokenizerError(
          nil, "maxLength: expected at least \(specialTokens), the number of special tokens, found \(maxLength)")
      }
      let room = maxLength - specialTokens
      guard let kept = truncation.kept(first: first.count, second: pair == nil ? nil : second.count, room: room) else {
        throw TokenizerError(
          nil,
          "maxLength: \(truncation.rawValue) cannot cut \(first.count) and \(second.count) tokens to \(room)"
            + " in all; use longest_first")
      }
      encoding.isTruncated = kept.first < first.count || kept.second < second.count
      first = definition.truncatesLeft ? first.suffix(kept.first) : first.prefix(kept.first)
      second = definition.truncatesLeft ? second.suffix(kept.second) : second.prefix(kept.second)
    }
    for part in pair == nil ? definition.template.single : definition.template.pair {
      switch part {
      case .special(let ids, let type): encoding.append(ids[...], type)
      case .first(let type): encoding.append(first, type)
      case .second(let type): encoding.append(second, type)
      }
    }
    return encoding
  }

  private func appendPieces(of text: ArraySlice<UInt8>, to ids: inout [Int32], normalized: inout [UInt8]) {
    literalTokens.split(text) { part in
      switch part {
      case .token(let id): ids.append(id)
      case .text(let text):
        normalized.removeAll(keepingCapacity: true)
        definition.normalizer.normalize(text, into: &normalized)
        normalizedTokens.split(normalized[...]) { part in
          switch part {
          case .token(let id): ids.append(id)
          case .text(let text): appendPieces(ofNormalized: text, to: &ids)
          }
        }
      }
    }
  }

  /// `BertPreTokenizer` and WordPiece: words end at whitespace, and punctuation is a word of its own.
  private func appendPieces(ofNormalized text: ArraySlice<UInt8>, to ids: inout [Int32]) {
    let classes = CharacterClasses.shared
    var start = text.startIndex
    var index = start
    while index < text.endIndex {
      let end = index
      let properties = classes[UTF8Text.next(text, &index)]
      guard !properties.isDisjoint(with: [.whitespace, .punctuation]) else { continue }
      if start < end { definition.model.tokenize(text[start..<end], into: &ids) }
      if properties.contains(.punctuation) { definition.model.tokenize(text[end..<index], into: &ids) }
      start = index
    }
    if start < text.endIndex { definition.model.tokenize(text[start...], into: &ids) }
  }
}

extension Encoding {
  fileprivate mutating func append(_ tokens: ArraySlice<Int32>, _ type: Int32) {
    ids.append(contentsOf: tokens)
    typeIds.append(contentsOf: repeatElement(type, count: tokens.count))
  }
}
