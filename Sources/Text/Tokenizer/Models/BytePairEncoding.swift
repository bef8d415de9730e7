/// The BPE model: a word's characters, of which neighbours are merged again and again, the pair learnt first first.
struct BytePairEncoding: Sendable {
  struct Settings: Sendable, Equatable {
    var unknownToken: String?
    /// What a piece within a word starts with.
    var continuingPrefix: String?
    var endOfWordSuffix: String?
    /// Neighbouring unknown characters are one token.
    var fusesUnknown = false
    /// Bytes of unknown characters are tokens `<0xE2>`.
    var byteFallback = false
    /// A word that is a token is that token, however merges would cut it.
    var ignoresMerges = false
  }

  let vocabulary: Vocabulary
  let settings: Settings
  /// Pairs of tokens by rank, as the file has them.
  let merges: [(first: Int32, second: Int32)]

  private let results: [UInt64: Merge]
  private let unknownId: Int32?
  /// The tokens of single bytes, if unknown characters fall back to them.
  private let bytes: ByteTokens?

  /// From which pair to what.
  private struct Merge {
    var rank: Int32
    var id: Int32
  }

  static let maximumMerges = 1 << 20

  /// - Parameter merges: By rank. Each joins two tokens to a third.
  init(
    _ vocabulary: Vocabulary, merges: [(first: String, second: String)], settings: Settings, field: JSONField
  ) throws(TokenizerError) {
    func id(_ token: String, _ rank: Int) throws(TokenizerError) -> Int32 {
      guard let id = vocabulary.id(of: token) else {
        throw TokenizerError(field.file, "\(field.path): merge \(rank): \(token.quoted) is not in the vocabulary")
      }
      return id
    }
    let prefix = settings.continuingPrefix ?? ""
    var pairs: [(first: Int32, second: Int32)] = []
    var results = [UInt64: Merge](minimumCapacity: merges.count)
    pairs.reserveCapacity(merges.count)
    for (rank, (first, second)) in merges.enumerated() {
      let pair = (first: try id(first, rank), second: try id(second, rank))
      guard second.utf8.count >= prefix.utf8.count else {
        throw TokenizerError(field.file, "\(field.path): merge \(rank): \(second.quoted) lacks \(prefix.quoted)")
      }
      let joined = first + String(decoding: second.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
      pairs.append(pair)
      results[Self.key(pair.first, pair.second)] = Merge(rank: Int32(rank), id: try id(joined, rank))
    }
    self.vocabulary = vocabulary
    self.settings = settings
    self.merges = pairs
    self.results = results
    unknownId = try settings.unknownToken.map { token throws(TokenizerError) in
      guard let id = vocabulary.id(of: token) else {
        throw TokenizerError(vocabulary.file, "vocabulary: lacks the unknown token \(token.quoted)")
      }
      return id
    }
    bytes = settings.byteFallback ? ByteTokens(vocabulary) : nil
  }

  private static func key(_ first: Int32, _ second: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: first)) << 32 | UInt64(UInt32(bitPattern: second))
  }

  /// A character of the word, or what it was merged into.
  private struct Symbol {
    var id: Int32
    /// In bytes; 0 for what was merged into the one before.
    var length: Int
    var previous: Int
    var next: Int
  }

  func tokenize(_ word: ArraySlice<UInt8>, into tokens: inout WordCache.Tokens) {
    if settings.ignoresMerges, let id = vocabulary.pieces.value(of: word) { return tokens.append(id, word.count) }
    var symbols = symbols(of: word)
    if symbols.count > 1 { merge(&symbols) }
    for symbol in symbols where symbol.length > 0 { tokens.append(symbol.id, symbol.length) }
  }

  private func symbols(of word: ArraySlice<UInt8>) -> [Symbol] {
    var symbols: [Symbol] = []
    symbols.reserveCapacity(word.count)
    func add(_ id: Int32, _ length: Int) {
      symbols.append(Symbol(id: id, length: length, previous: symbols.count - 1, next: symbols.count + 1))
    }
    /// The bytes of an unknown character that more may join.
    var unknown = 0
    func addUnknown() {
      if unknown > 0, let unknownId { add(unknownId, unknown) }
      unknown = 0
    }
    var index = word.startIndex
    while index < word.endIndex {
      let start = index
      _ = UTF8Text.next(word, &index)
      if let id = id(of: word[start..<index], isFirst: start == word.startIndex, isLast: index == word.endIndex) {
        addUnknown()
        add(id, index - start)
      } else if let bytes, bytes.cover(word[start..<index]) {
        // The library leaves an unknown character before them to come after them.
        for byte in word[start..<index] { add(bytes[byte], 1) }
      } else {
        if !settings.fusesUnknown { addUnknown() }
        unknown += index - start
      }
    }
    addUnknown()
    if !symbols.isEmpty { symbols[symbols.count - 1].next = -1 }
    return symbols
  }

  private func id(of character: ArraySlice<UInt8>, isFirst: Bool, isLast: Bool) -> Int32? {
    let prefix = isFirst ? nil : settings.continuingPrefix
    let suffix = isLast ? settings.endOfWordSuffix : nil
    guard prefix != nil || suffix != nil else { return vocabulary.pieces.value(of: character) }
    return vocabulary.pieces.value(of: (Array((prefix ?? "").utf8) + character + Array((suffix ?? "").utf8))[...])
  }

  /// The next merge is that of least rank, of these the leftmost.
  private func merge(_ symbols: inout [Symbol]) {
    var queue = MergeQueue()
    func push(_ place: Int, _ queue: inout MergeQueue) {
      let next = symbols[place].next
      guard next >= 0, let merge = results[Self.key(symbols[place].id, symbols[next].id)] else { return }
      queue.push(MergeQueue.Element(order: UInt64(merge.rank) << 32 | UInt64(place), id: merge.id))
    }
    for place in 0..<(symbols.count - 1) { push(place, &queue) }
    while let top = queue.pop() {
      let place = Int(top.order & 0xFFFF_FFFF)
      let next = symbols[place].next
      guard symbols[place].length > 0, next >= 0 else { continue }
      // What is there now may be another pair than when this was queued.
      guard results[Self.key(symbols[place].id, symbols[next].id)]?.id == top.id else { continue }
      symbols[place].id = top.id
      symbols[place].length += symbols[next].length
      symbols[place].next = symbols[next].next
      symbols[next].length = 0
      if symbols[place].next >= 0 { symbols[symbols[place].next].previous = place }
      if symbols[place].previous >= 0 { push(symbols[place].previous, &queue) }
      push(place, &queue)
    }
  }
}

/// A binary heap, the least element first.
private struct MergeQueue {
  struct Element {
    /// Rank and place.
    var order: UInt64
    var id: Int32
  }

  private var heap: [Element] = []

  mutating func push(_ element: Element) {
    heap.append(element)
    var place = heap.count - 1
    while place > 0, heap[(place - 1) / 2].order > element.order {
      heap[place] = heap[(place - 1) / 2]
      place = (place - 1) / 2
    }
    heap[place] = element
  }

  mutating func pop() -> Element? {
    guard let top = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return top }
    var place = 0
    while true {
      var child = 2 * place + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1].order < heap[child].order { child += 1 }
      guard heap[child].order < last.order else { break }
      heap[place] = heap[child]
      place = child
    }
    heap[place] = last
    return top
  }
}
