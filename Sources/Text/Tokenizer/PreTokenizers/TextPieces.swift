/// A normalised text cut into what the model tokenises piece by piece, and the added tokens found in it.
struct TextPieces {
  struct Piece {
    /// Of the text's bytes, never empty.
    var range: Range<Int>
    /// The added token that it is, or −1.
    var token: Int32 = -1
  }

  private(set) var text: NormalizedText
  private(set) var pieces: [Piece] = []
  private var spare: [Piece] = []
  private var matches: [(range: Range<Int>, isMatch: Bool)] = []

  init(tracksOrigins: Bool) { text = NormalizedText(tracksOrigins: tracksOrigins) }

  mutating func append(_ part: NormalizedText, _ range: Range<Int>, token: Int32 = -1) {
    guard !range.isEmpty else { return }
    let start = text.bytes.count
    text.append(part, range)
    pieces.append(Piece(range: start..<text.bytes.count, token: token))
  }

  // MARK: Splitting

  /// Cuts each piece where `isDelimiter` says.
  mutating func split(_ behavior: SplitBehavior, where isDelimiter: (UInt32) -> Bool) {
    split(behavior) { bytes, matches in
      var index = bytes.startIndex
      var start = index
      while index < bytes.endIndex {
        let place = index
        guard isDelimiter(UTF8Text.next(bytes, &index)) else { continue }
        if start < place { matches.append((start..<place, false)) }
        matches.append((place..<index, true))
        start = index
      }
      if start < bytes.endIndex { matches.append((start..<bytes.endIndex, false)) }
    }
  }

  /// Cuts each piece at what `pattern` matches; inverted, at what it does not.
  mutating func split(_ behavior: SplitBehavior, at pattern: TextPattern, isInverted: Bool) {
    split(behavior) { bytes, matches in
      var start = bytes.startIndex
      for match in pattern.matches(in: bytes) {
        if start < match.lowerBound { matches.append((start..<match.lowerBound, isInverted)) }
        matches.append((match, !isInverted))
        start = match.upperBound
      }
      if start < bytes.endIndex { matches.append((start..<bytes.endIndex, isInverted)) }
    }
  }

  /// - Parameter find: Cuts a piece into matches and what is between them.
  mutating func split(
    _ behavior: SplitBehavior, find: (ArraySlice<UInt8>, inout [(range: Range<Int>, isMatch: Bool)]) -> Void
  ) {
    spare.removeAll(keepingCapacity: true)
    for piece in pieces {
      guard piece.token < 0 else {
        spare.append(piece)
        continue
      }
      matches.removeAll(keepingCapacity: true)
      find(text.bytes[piece.range], &matches)
      behavior.join(&matches)
      for match in matches where !match.isMatch { spare.append(Piece(range: match.range)) }
    }
    swap(&pieces, &spare)
  }

  // MARK: Rewriting

  /// Writes each piece anew into a text that takes the place of this one.
  mutating func rewrite(_ body: (NormalizedText, Piece, inout NormalizedText) -> Void) {
    var rewritten = NormalizedText(tracksOrigins: text.tracksOrigins)
    for index in pieces.indices {
      let start = rewritten.bytes.count
      if pieces[index].token < 0 {
        body(text, pieces[index], &rewritten)
      } else {
        rewritten.append(text, pieces[index].range)
      }
      pieces[index].range = start..<rewritten.bytes.count
    }
    text = rewritten
  }
}

/// What becomes of the delimiters that a text is split at; the library's names.
enum SplitBehavior: String, Sendable, CaseIterable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  /// Leaves what is to be kept, none of it a match, and what is to be removed.
  func join(_ matches: inout [(range: Range<Int>, isMatch: Bool)]) {
    if self == .removed { return }
    var joined = 0
    var previous = false
    let count = matches.count
    let isBackward = self == .mergedWithNext
    for step in 0..<count {
      let (range, isMatch) = matches[isBackward ? count - 1 - step : step]
      let isJoined =
        switch self {
        case .contiguous: isMatch == previous
        case .mergedWithPrevious, .mergedWithNext: isMatch && !previous
        case .isolated, .removed: false
        }
      previous = isMatch
      let last = isBackward ? count - joined : joined - 1
      if isJoined, joined > 0 {
        let joint = matches[last].range
        matches[last].range =
          isBackward ? range.lowerBound..<joint.upperBound : joint.lowerBound..<range.upperBound
      } else {
        joined += 1
        matches[isBackward ? count - joined : joined - 1] = (range, false)
      }
    }
    if isBackward { matches.removeFirst(count - joined) } else { matches.removeLast(count - joined) }
  }
}
