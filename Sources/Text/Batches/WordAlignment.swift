/// Which tokens of each row, in two tokenizations of it, lie in which of its words.
///
/// A word is the shortest stretch of text that no token of either tokenization crosses: tokens that share a character are
/// in the same word. Stretches where one of them has no token, as behind its truncation, are in none. Special tokens in
/// front of a row are a word together, and so are those at its end; other special tokens are in none.
package struct WordAlignment: Sendable {
  /// Of each token of a row, in the one and the other tokenization, the characters that it covers, a pair's second text
  /// behind the first; none of special tokens.
  private let own: @Sendable (_ row: Int) -> [Range<Int32>]
  private let other: @Sendable (_ row: Int) -> [Range<Int32>]

  init(
    own: @escaping @Sendable (_ row: Int) -> [Range<Int32>], other: @escaping @Sendable (_ row: Int) -> [Range<Int32>]
  ) {
    (self.own, self.other) = (own, other)
  }

  // Found when they are asked for: those of all rows would take as much memory as the tokens.
  private func words(_ row: Int) -> RowWords { RowWords(own(row)[...], other(row)[...]) }

  /// How many words a row has, one at least.
  package func count(_ row: Int) -> Int { Int(words(row).count) }

  func batch(_ rows: some Sequence<Int>) -> BatchWords {
    var batch = BatchWords()
    for row in rows {
      let words = words(row)
      let first = Int32(batch.starts[batch.starts.count - 1])
      func places(_ words: [Int32]) -> [Int32] { words.map { $0 < 0 ? -1 : first + $0 } }
      batch.own += places(words.own)
      batch.other += places(words.other)
      batch.otherStarts.append(batch.other.count)
      batch.starts.append(Int(first + words.count))
    }
    return batch
  }
}

/// The words of a batch, end to end.
package struct BatchWords: Sendable {
  /// Where each sentence's words start, with the total at the end. (sentences + 1)
  package var starts: [Int] = [0]
  /// Of each of the batch's tokens its word, −1 for none. (tokens)
  package var own: [Int32] = []
  /// The same of the sentences' tokens in the other tokenization. (its tokens)
  package var other: [Int32] = []
  /// Where each sentence starts in `other`, with the total at the end. (sentences + 1)
  package var otherStarts: [Int] = [0]

  package init() {}
}

/// The words of one row.
private struct RowWords {
  private(set) var own: [Int32]
  private(set) var other: [Int32]
  private(set) var count: Int32 = 0

  init(_ ownPlaces: ArraySlice<Range<Int32>>, _ otherPlaces: ArraySlice<Range<Int32>>) {
    own = Array(repeating: -1, count: ownPlaces.count)
    other = Array(repeating: -1, count: otherPlaces.count)
    guard let ownFirst = ownPlaces.first, let otherFirst = otherPlaces.first else { return }
    let starts = ownFirst.isEmpty && otherFirst.isEmpty
    if starts { pairEnds(0, 0) }
    merge(Self.inTexts(ownPlaces), Self.inTexts(otherPlaces))
    // A row of one token has its word already.
    let ends = ownPlaces.last?.isEmpty ?? false && otherPlaces.last?.isEmpty ?? false
    if ends, min(own.count, other.count) > 1 { pairEnds(own.count - 1, other.count - 1) }
    // A row always has a word, whatever became of its text.
    if count == 0 { pairEnds(0, 0) }
  }

  private mutating func pairEnds(_ ownIndex: Int, _ otherIndex: Int) {
    (own[ownIndex], other[otherIndex]) = (count, count)
    count += 1
  }

  private struct Place {
    let index: Int
    let characters: Range<Int64>
  }

  /// Tokens with characters, in these' order: a template may have the second text in front.
  private static func inTexts(_ places: ArraySlice<Range<Int32>>) -> [Place] {
    places.enumerated().compactMap { index, place in
      place.isEmpty ? nil : Place(index: index, characters: Int64(place.lowerBound)..<Int64(place.upperBound))
    }.sorted { ($0.characters.lowerBound, $0.index) < ($1.characters.lowerBound, $1.index) }
  }

  /// Sweeps over both, in the order of their characters.
  private mutating func merge(_ ownPlaces: [Place], _ otherPlaces: [Place]) {
    var (nextOwn, nextOther) = (0, 0)
    while nextOwn < ownPlaces.count, nextOther < otherPlaces.count {
      let (firstOwn, firstOther) = (nextOwn, nextOther)
      var end = min(ownPlaces[nextOwn].characters.lowerBound, otherPlaces[nextOther].characters.lowerBound) + 1
      var grows = true
      while grows {
        grows = false
        while nextOwn < ownPlaces.count, ownPlaces[nextOwn].characters.lowerBound < end {
          end = max(end, ownPlaces[nextOwn].characters.upperBound)
          (nextOwn, grows) = (nextOwn + 1, true)
        }
        while nextOther < otherPlaces.count, otherPlaces[nextOther].characters.lowerBound < end {
          end = max(end, otherPlaces[nextOther].characters.upperBound)
          (nextOther, grows) = (nextOther + 1, true)
        }
      }
      guard nextOwn > firstOwn, nextOther > firstOther else { continue }
      for place in ownPlaces[firstOwn..<nextOwn] { own[place.index] = count }
      for place in otherPlaces[firstOther..<nextOther] { other[place.index] = count }
      count += 1
    }
  }
}
