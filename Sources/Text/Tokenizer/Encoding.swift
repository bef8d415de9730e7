/// The tokens of one sentence or pair, special tokens included.
package struct Encoding: Sendable, Equatable {
  package var ids: [Int32] = []
  /// 0 for the first sentence and 1 for the second.
  package var typeIds: [Int32] = []
  /// Which characters (code points) of its text each token covers, as the library gives them; none for special tokens.
  /// Empty unless asked for.
  package var offsets: [Range<Int32>] = []
  /// Which tokens are those of the second sentence; none without one.
  package var second = 0..<0
  /// Whether tokens were left out for the sake of `maxLength`.
  package var isTruncated = false

  package init() {}
}

/// Which of two sentences loses tokens when there are more than `maxLength`; Hugging Face's names.
package enum Truncation: String, Sendable, CaseIterable {
  /// The longer one until both are equally long, then both in turn.
  case longestFirst = "longest_first"
  case onlyFirst = "only_first"
  case onlySecond = "only_second"

  /// How many tokens of each sentence stay, as `truncate_encodings` of the `tokenizers` library decides, or nil if the
  /// sentence to be cut is too short for it.
  /// - Parameters:
  ///   - lengths: Of both sentences without special tokens; `second` is nil if there is none.
  ///   - room: For both together.
  func kept(first: Int, second: Int?, room: Int) -> (first: Int, second: Int)? {
    let total = first + (second ?? 0)
    guard total > room else { return (first, second ?? 0) }
    guard room > 0 else { return (0, 0) }
    switch self {
    case .longestFirst:
      guard let second else { return (room, 0) }
      let shorter = min(first, second)
      // Either the shorter one stays whole, or both get half, the odd token going to the longer one.
      let kept = 2 * shorter <= room ? (shorter, room - shorter) : (room / 2, room - room / 2)
      return first > second ? (kept.1, kept.0) : kept
    case .onlyFirst:
      let remaining = first - (total - room)
      return remaining > 0 ? (remaining, second ?? 0) : nil
    case .onlySecond:
      guard let second, second - (total - room) > 0 else { return nil }
      return (first, second - (total - room))
    }
  }
}
