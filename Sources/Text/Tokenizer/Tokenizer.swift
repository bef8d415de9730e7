/// A tokenizer of a Hugging Face directory, token for token and offset for offset what the `tokenizers` library does. A
/// value that threads may share.
package struct Tokenizer: Sendable {
  let definition: TokenizerDefinition
  /// The tokenizer's files as they were read, by name.
  let originals: [(name: String, bytes: [UInt8])]
  /// Set if there is the quick way.
  private let bert: BertPipeline?
  private let literalTokens: AddedTokenMatcher
  private let normalizedTokens: AddedTokenMatcher
  /// The texts of added tokens by id.
  private let addedContents: [Int32: String]

  init(_ definition: TokenizerDefinition, originals: [(name: String, bytes: [UInt8])]) throws(TokenizerError) {
    self.definition = definition
    self.originals = originals
    bert = definition.bert
    // Of tokens with equal contents the library finds special ones first.
    let added = definition.addedTokens.filter(\.isSpecial) + definition.addedTokens.filter { !$0.isSpecial }
    let literal = added.filter { !$0.isNormalized }
    literalTokens = AddedTokenMatcher(literal, contents: literal.map { Array($0.content.utf8) })
    let normalized = added.filter(\.isNormalized)
    var contents: [[UInt8]] = []
    for token in normalized {
      var content = NormalizedText(Array(token.content.utf8)[...], tracksOrigins: false)
      definition.normalizer?.normalize(&content)
      guard !content.bytes.isEmpty else {
        throw TokenizerError(nil, "added token \(token.content.quoted): nothing is left of it once normalised")
      }
      contents.append(content.bytes)
    }
    normalizedTokens = AddedTokenMatcher(normalized, contents: contents)
    addedContents = Dictionary(definition.addedTokens.map { ($0.id, $0.content) }) { first, _ in first }
  }

  /// One more than the highest token id.
  package var vocabularySize: Int {
    max(definition.model.vocabulary.tokens.count, definition.addedTokens.reduce(0) { max($0, Int($1.id) + 1) })
  }

  /// One more than the highest segment id of a text, or of a pair.
  package func segments(isPair: Bool) -> Int {
    (isPair ? definition.template.pair : definition.template.single).reduce(0) { max($0, Int($1.type) + 1) }
  }

  package var unknownId: Int32? { definition.model.unknownId }
  /// nil if the vocabulary has no padding token.
  package var padId: Int32? { definition.padId }

  /// The text of a token, as `##ing`, or nil if there is no such id.
  package func token(of id: Int32) -> String? {
    addedContents[id] ?? definition.model.vocabulary.token(of: id)
  }

  /// How many special tokens surround a sentence, or a pair: the least `maxLength`.
  package func specialTokens(isPair: Bool) -> Int { definition.template.specialTokens(isPair: isPair) }

  /// The tokens of a sentence, or of a pair of sentences.
  ///
  /// An empty sentence has no tokens but the special ones.
  /// - Parameters:
  ///   - maxLength: The most tokens to return, special ones included; nil for all there are.
  ///   - offsets: Whether to say which characters each token covers.
  /// - Throws: If `maxLength` is less than the number of special tokens, or if the sentence that `truncation` names is
  ///   too short to lose all that is too much.
  package func encode(
    _ text: String, pair: String? = nil, maxLength: Int? = nil, truncation: Truncation = .longestFirst,
    offsets: Bool = false
  ) throws(TokenizerError) -> Encoding {
    var work = Workspace()
    return try encode(text, pair: pair, maxLength: maxLength, truncation: truncation, offsets: offsets, &work)
  }

  /// Buffers that a thread uses again and again, and the words it met. For one tokenizer.
  package struct Workspace {
    fileprivate var normalized: [UInt8] = []
    fileprivate var first = TokenSequence()
    fileprivate var second = TokenSequence()
    fileprivate var cache = WordCache()

    package init() {}
  }

  package func encode(
    _ text: String, pair: String?, maxLength: Int?, truncation: Truncation, offsets: Bool, _ work: inout Workspace
  ) throws(TokenizerError) -> Encoding {
    try encode(
      Array(text.utf8)[...], pair: pair.map { Array($0.utf8)[...] }, maxLength: maxLength, truncation: truncation,
      offsets: offsets, &work)
  }

  /// As `encode`, of UTF-8.
  func encode(
    _ text: ArraySlice<UInt8>, pair: ArraySlice<UInt8>?, maxLength: Int?, truncation: Truncation,
    offsets: Bool = false, _ work: inout Workspace
  ) throws(TokenizerError) -> Encoding {
    work.first.removeAll()
    work.second.removeAll()
    append(text, offsets: offsets, to: &work.first, &work.cache, &work.normalized)
    if let pair { append(pair, offsets: offsets, to: &work.second, &work.cache, &work.normalized) }

    var encoding = Encoding()
    var (first, second) = (work.first.tokens.ids.indices, work.second.tokens.ids.indices)
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
    for trim in offsets ? definition.trims : [] {
      work.first.trim(first, trim)
      work.second.trim(second, trim)
    }
    for part in pair == nil ? definition.template.single : definition.template.pair {
      switch part {
      case .special(let ids, let type):
        encoding.append(ids[...], type)
        if offsets { encoding.offsets.append(contentsOf: repeatElement(0..<0, count: ids.count)) }
      case .first(let type): encoding.append(work.first, first, type)
      case .second(let type):
        encoding.second = encoding.ids.count..<encoding.ids.count + second.count
        encoding.append(work.second, second, type)
      }
    }
    return encoding
  }

  private func append(
    _ text: ArraySlice<UInt8>, offsets: Bool, to sequence: inout TokenSequence, _ cache: inout WordCache,
    _ normalized: inout [UInt8]
  ) {
    if !offsets, let bert {
      append(text, bert, to: &sequence.tokens, &normalized)
      return
    }
    // Places are counted from the text's start.
    let text = text.startIndex == 0 ? text : Array(text)[...]
    let pieces = pieces(of: text, tracksOrigins: offsets || definition.preTokenizer?.needsOrigins ?? false)
    let spans = offsets ? CharacterSpans(text) : nil
    for piece in pieces.pieces {
      let before = sequence.tokens.ids.count
      if piece.token >= 0 {
        sequence.tokens.append(piece.token, piece.range.count)
      } else {
        definition.model.tokenize(pieces.text.bytes[piece.range], into: &sequence.tokens, &cache)
      }
      if let spans { sequence.locate(from: before, piece, pieces.text, spans, self) }
    }
  }

  private func pieces(of text: ArraySlice<UInt8>, tracksOrigins: Bool) -> TextPieces {
    var pieces = TextPieces(tracksOrigins: tracksOrigins)
    literalTokens.split(text) { part in
      switch part {
      case .token(let id, let range):
        pieces.append(NormalizedText(text[range], tracksOrigins: tracksOrigins), 0..<range.count, token: id)
      case .text(let text):
        var normalized = NormalizedText(text, tracksOrigins: tracksOrigins)
        definition.normalizer?.normalize(&normalized)
        normalizedTokens.split(normalized.bytes[...]) { part in
          switch part {
          case .token(let id, let range): pieces.append(normalized, range, token: id)
          case .text(let text): pieces.append(normalized, text.indices)
          }
        }
      }
    }
    definition.preTokenizer?.split(&pieces)
    return pieces
  }

  // MARK: BERT

  /// What `pieces` and the model do, in one go.
  private func append(
    _ text: ArraySlice<UInt8>, _ bert: BertPipeline, to tokens: inout WordCache.Tokens, _ normalized: inout [UInt8]
  ) {
    literalTokens.split(text) { part in
      switch part {
      case .token(let id, let range): tokens.append(id, range.count)
      case .text(let text):
        normalized.removeAll(keepingCapacity: true)
        bert.normalizer.normalize(text, into: &normalized)
        normalizedTokens.split(normalized[...]) { part in
          switch part {
          case .token(let id, let range): tokens.append(id, range.count)
          case .text(let text): append(normalized: text, bert.model, to: &tokens)
          }
        }
      }
    }
  }

  /// `BertPreTokenizer` and WordPiece: words end at whitespace, and punctuation is a word of its own.
  private func append(normalized text: ArraySlice<UInt8>, _ model: WordPiece, to tokens: inout WordCache.Tokens) {
    let classes = CharacterClasses.shared
    var start = text.startIndex
    var index = start
    while index < text.endIndex {
      let end = index
      let properties = classes[UTF8Text.next(text, &index)]
      guard !properties.isDisjoint(with: [.whitespace, .punctuation]) else { continue }
      if start < end { model.tokenize(text[start..<end], into: &tokens) }
      if properties.contains(.punctuation) { model.tokenize(text[end..<index], into: &tokens) }
      start = index
    }
    if start < text.endIndex { model.tokenize(text[start...], into: &tokens) }
  }
}

extension Encoding {
  fileprivate mutating func append(_ tokens: ArraySlice<Int32>, _ type: Int32) {
    ids.append(contentsOf: tokens)
    typeIds.append(contentsOf: repeatElement(type, count: tokens.count))
  }

  fileprivate mutating func append(_ sequence: TokenSequence, _ range: Range<Int>, _ type: Int32) {
    append(sequence.tokens.ids[range], type)
    if !sequence.spans.isEmpty { offsets += sequence.spans[range] }
  }
}
