/// The Unigram model: of all ways to cut a text into pieces, the one whose pieces' scores sum to most.
struct Unigram: Sendable {
  let vocabulary: Vocabulary
  /// Log-probabilities, by id.
  let scores: [Double]
  let unknownId: Int32
  let byteFallback: Bool

  private let unknownScore: Double
  private let bytes: ByteTokens?
  /// How much worse than the worst piece an unknown character is.
  private static let unknownPenalty = 10.0

  init(_ vocabulary: Vocabulary, scores: [Double], unknownId: Int32, byteFallback: Bool) {
    self.vocabulary = vocabulary
    self.scores = scores
    self.unknownId = unknownId
    self.byteFallback = byteFallback
    unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
    bytes = byteFallback ? ByteTokens(vocabulary) : nil
  }

  /// The best way to reach a place.
  private struct Node {
    var score = 0.0
    var id: Int32 = -1
    /// Where its last piece starts; −1 if no way is known.
    var start: Int32 = -1
  }

  /// The Viterbi algorithm over the bytes of a text.
  func tokenize(_ text: ArraySlice<UInt8>, into tokens: inout WordCache.Tokens) {
    let first = text.startIndex
    var nodes = [Node](repeating: Node(), count: text.count + 1)
    @inline(__always)
    func reach(_ end: Int, from start: Int, _ score: Double, _ id: Int32) {
      guard nodes[end - first].start < 0 || score > nodes[end - first].score else { return }
      nodes[end - first] = Node(score: score, id: id, start: Int32(start - first))
    }
    var index = first
    while index < text.endIndex {
      let start = index
      _ = UTF8Text.next(text, &index)
      let score = nodes[start - first].score
      var isCharacterKnown = false
      vocabulary.pieces.forEachMatch(in: text, at: start) { id, end in
        reach(end, from: start, scores[Int(id)] + score, id)
        if end == index { isCharacterKnown = true }
      }
      if !isCharacterKnown { reach(index, from: start, unknownScore + score, unknownId) }
    }
    // Back along the best way; neighbouring unknown characters are one piece.
    var pieces: [Range<Int>] = []
    var wasUnknown = false
    var end = text.count
    while end > 0 {
      let node = nodes[end]
      let start = Int(node.start)
      let isUnknown = node.id == unknownId
      if isUnknown, wasUnknown, let last = pieces.popLast() {
        pieces.append(start..<last.upperBound)
      } else {
        pieces.append(start..<end)
      }
      wasUnknown = isUnknown
      end = start
    }
    for piece in pieces.reversed() {
      let piece = text[(first + piece.lowerBound)..<(first + piece.upperBound)]
      if let id = vocabulary.pieces.value(of: piece) {
        tokens.append(id, piece.count)
      } else if let bytes, bytes.cover(piece) {
        // Each of the bytes stands for the whole piece.
        for (place, byte) in piece.enumerated() {
          tokens.append(bytes[byte], place == 0 ? piece.count : WordCache.Tokens.sameAsBefore)
        }
      } else {
        tokens.append(unknownId, piece.count)
      }
    }
  }
}
