/// What a model made of the words it met lately. One a thread.
struct WordCache {
  /// A word's tokens, and how many of its bytes each has.
  struct Tokens {
    var ids: [Int32] = []
    var lengths: [Int32] = []

    /// The length of a token of the same bytes as the one before it.
    static let sameAsBefore = -1

    mutating func append(_ id: Int32, _ length: Int) {
      ids.append(id)
      lengths.append(Int32(clamping: length))
    }

    mutating func removeAll() {
      ids.removeAll(keepingCapacity: true)
      lengths.removeAll(keepingCapacity: true)
    }
  }

  private struct Entry {
    var hash: UInt64 = 0
    var word: Range<Int32> = 0..<0
    var tokens: Range<Int32> = 0..<0
  }

  /// Longer words are rare and hardly come twice. In bytes.
  private static let longestWord = 256
  /// When there are more the cache starts anew.
  private static let maximumEntries = 1 << 16

  /// A power of 2; none until the first word.
  private var entries: [Entry] = []
  private var count = 0
  private var words: [UInt8] = []
  private var tokens = Tokens()

  /// Appends the tokens of `word` to `result`; `make` makes them of words that are not known.
  @inline(__always)
  mutating func append(
    _ word: ArraySlice<UInt8>, to result: inout Tokens, make: (ArraySlice<UInt8>, inout Tokens) -> Void
  ) {
    guard word.count <= Self.longestWord else { return make(word, &result) }
    if entries.isEmpty { entries = [Entry](repeating: Entry(), count: 256) }
    let hash = Self.hash(word)
    var place = Int(truncatingIfNeeded: hash >> 20) & (entries.count - 1)
    while entries[place].hash != 0 {
      let entry = entries[place]
      if entry.hash == hash, entry.word.count == word.count, matches(entry.word, word) {
        for token in Int(entry.tokens.lowerBound)..<Int(entry.tokens.upperBound) {
          result.ids.append(tokens.ids[token])
          result.lengths.append(tokens.lengths[token])
        }
        return
      }
      place = (place + 1) & (entries.count - 1)
    }
    let start = result.ids.count
    make(word, &result)
    insert(hash, word, result.ids[start...], result.lengths[start...])
  }

  private mutating func insert(
    _ hash: UInt64, _ word: ArraySlice<UInt8>, _ ids: ArraySlice<Int32>, _ lengths: ArraySlice<Int32>
  ) {
    if count == Self.maximumEntries {
      self = WordCache()
      entries = [Entry](repeating: Entry(), count: 256)
    }
    if 2 * (count + 1) > entries.count {
      let old = entries
      entries = [Entry](repeating: Entry(), count: 4 * old.count)
      for entry in old where entry.hash != 0 { entries[free(entry.hash)] = entry }
    }
    let (wordStart, tokenStart) = (Int32(words.count), Int32(tokens.ids.count))
    words += word
    tokens.ids += ids
    tokens.lengths += lengths
    entries[free(hash)] = Entry(
      hash: hash, word: wordStart..<Int32(words.count), tokens: tokenStart..<Int32(tokens.ids.count))
    count += 1
  }

  private func free(_ hash: UInt64) -> Int {
    var place = Int(truncatingIfNeeded: hash >> 20) & (entries.count - 1)
    while entries[place].hash != 0 { place = (place + 1) & (entries.count - 1) }
    return place
  }

  @inline(__always)
  private func matches(_ range: Range<Int32>, _ word: ArraySlice<UInt8>) -> Bool {
    var place = Int(range.lowerBound)
    for byte in word {
      if words[place] != byte { return false }
      place += 1
    }
    return true
  }

  /// FNV-1a, mixed once more; never 0, which is a free place.
  @inline(__always)
  private static func hash(_ word: ArraySlice<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in word { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    hash = (hash ^ hash >> 29) &* 0x9E37_79B9_7F4A_7C15
    return hash | 1
  }
}
