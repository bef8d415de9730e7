/// The tokens of one text before special tokens surround them, and where they are if that is asked.
struct TokenSequence {
  var tokens = WordCache.Tokens()
  private(set) var spans: [Range<Int32>] = []
  /// How many characters of whitespace each token starts and ends with.
  private var blanks: [(leading: Int32, trailing: Int32)] = []

  mutating func removeAll() {
    tokens.removeAll()
    spans.removeAll(keepingCapacity: true)
    blanks.removeAll(keepingCapacity: true)
  }

  /// Says where the tokens from `first` on are, which are those of a piece.
  mutating func locate(
    from first: Int, _ piece: TextPieces.Piece, _ text: NormalizedText, _ characters: CharacterSpans,
    _ tokenizer: Tokenizer
  ) {
    var (start, end) = (piece.range.lowerBound, piece.range.lowerBound)
    for token in first..<tokens.ids.count {
      let length = Int(tokens.lengths[token])
      if length != WordCache.Tokens.sameAsBefore { (start, end) = (end, min(end + length, piece.range.upperBound)) }
      spans.append(start < end ? characters.span(text.origin(of: start..<end)) : 0..<0)
      guard !tokenizer.definition.trims.isEmpty else { continue }
      if piece.token >= 0 {
        blanks.append(Self.blanks(text.bytes[piece.range]))
      } else {
        blanks.append(Self.blanks(Array((tokenizer.token(of: tokens.ids[token]) ?? "").utf8)[...]))
      }
    }
  }

  private static func blanks(_ token: ArraySlice<UInt8>) -> (leading: Int32, trailing: Int32) {
    var (leading, run, isLeading) = (Int32(0), Int32(0), true)
    var index = token.startIndex
    while index < token.endIndex {
      let scalar = UTF8Text.next(token, &index)
      if scalar == ByteLevel.space || CharacterClasses.shared[scalar].contains(.whitespace) {
        run += 1
        if isLeading { leading = run }
      } else {
        (run, isLeading) = (0, false)
      }
    }
    return (leading, run)
  }

  /// Leaves whitespace out of the tokens that truncation kept.
  mutating func trim(_ range: Range<Int>, _ trim: PostProcessor.OffsetTrim) {
    guard !spans.isEmpty else { return }
    for token in range {
      var (leading, trailing) = blanks[token]
      var (start, end) = (spans[token].lowerBound, spans[token].upperBound)
      // One space in front of the text is the one that was put there.
      if token == range.lowerBound || start == 0, trim.addsPrefixSpace, leading == 1 { leading = 0 }
      start = min(start + leading, end)
      if end < trailing { trailing = 0 }
      end = max(end - trailing, start)
      spans[token] = start..<end
    }
  }
}

/// Counts characters, code points, where the rest counts bytes.
struct CharacterSpans {
  /// The character that each byte belongs to.
  private var characters: [Int32] = []

  init(_ text: ArraySlice<UInt8>) {
    characters.reserveCapacity(text.count)
    var character: Int32 = -1
    for byte in text {
      if byte & 0xC0 != 0x80 { character += 1 }
      characters.append(character)
    }
  }

  func span(_ origin: NormalizedText.Origin) -> Range<Int32> {
    let (start, end) = (Int(origin.start), Int(origin.end))
    guard start < characters.count, start < end else { return origin.start..<max(origin.start, origin.end) }
    let last = end < characters.count ? characters[end] : characters[end - 1] + 1
    return characters[start]..<max(characters[start], last)
  }
}
