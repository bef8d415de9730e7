import Kernels
import Limits
import Synchronization

/// Makes tokens of rows, some rows at a time, in memory or in files, of which no more is in memory than the rows at hand.
/// The same for any number of threads, and however rows are dealt out.
package final class TokenTableBuilder {
  private let tokenizer: Tokenizer
  private let options: TokenTableOptions
  private let directory: String?
  private let threads: Int
  private var summary = TokenTableSummary()
  private let columns: [TokenColumnKind: TokenColumnWriter]
  private var occurs: [Bool]

  /// - Parameters:
  ///   - directory: an empty directory to write to; `nil` keeps all in memory.
  ///   - threads: how many work at it.
  package init(
    _ tokenizer: Tokenizer, _ options: TokenTableOptions, in directory: String? = nil, threads: Int
  ) throws(DatasetError) {
    self.tokenizer = tokenizer
    self.options = options
    self.directory = directory
    self.threads = max(1, threads)
    var columns: [TokenColumnKind: TokenColumnWriter] = [:]
    for kind in TokenColumnKind.allCases { columns[kind] = try TokenColumnWriter(kind, in: directory) }
    self.columns = columns
    occurs = [Bool](repeating: false, count: tokenizer.vocabularySize)
    summary.tokenBytes = tokenizer.vocabularySize <= 1 << 16 ? 2 : 4
    summary.keepsOffsets = options.keepsOffsets
    summary.keepsHashes = options.keepsHashes
  }

  /// Few enough rows that threads end at about the same time.
  private static let chunkRows = 512
  private static let chunksTogether = 128

  /// Adds rows, or some of them, behind those that are there.
  package func append(_ examples: Examples, rows: Range<Int>? = nil) throws {
    let wanted = rows ?? 0..<examples.count
    summary.valuesPerRow = examples.valuesPerRow
    summary.areOfWords = examples.areOfWords
    summary.hasPairs = examples.hasPairs
    summary.hasGroups = !examples.groups.ids.isEmpty
    for notice in examples.notices where !summary.notices.contains(notice) { summary.notices.append(notice) }
    // A few chunks at a time, so that no more than these are there twice.
    for first in stride(from: wanted.lowerBound, to: wanted.upperBound, by: Self.chunkRows * Self.chunksTogether) {
      let rows = first..<min(first + Self.chunkRows * Self.chunksTogether, wanted.upperBound)
      for chunk in chunks(examples, rows) {
        if let (row, reason) = chunk.failure {
          throw TokenizerError(nil, "row \(summary.rows + row + 1): \(reason)")
        }
        try append(chunk, examples)
      }
    }
  }

  private func append(_ chunk: TokenChunk, _ examples: Examples) throws {
    var longest = 0
    var start = 0
    for end in chunk.ends {
      longest = max(longest, end - start)
      start = end
    }
    for token in chunk.tokens { occurs[Int(token)] = true }
    var checks = [RowCheck](repeating: RowCheck(), count: chunk.ends.count)
    // In the order in which `TokenTable` takes them.
    func add<Number: BitwiseCopyable>(_ column: TokenColumnKind, perToken: Int, _ numbers: [Number]) throws {
      try self.add(column, numbers)
      var start = 0
      for (row, end) in chunk.ends.enumerated() {
        checks[row].add(numbers[start * perToken..<end * perToken])
        start = end
      }
    }
    func add<Number: BitwiseCopyable>(_ column: TokenColumnKind, perRow: Int, _ numbers: [Number]) throws {
      try self.add(column, numbers)
      for row in checks.indices { checks[row].add(numbers[row * perRow..<(row + 1) * perRow]) }
    }
    if summary.tokenBytes == 2 {
      try add(.tokens, perToken: 1, chunk.tokens.map { UInt16(truncatingIfNeeded: $0) })
    } else {
      try add(.tokens, perToken: 1, chunk.tokens)
    }
    try self.add(.types, chunk.types)
    try self.add(.ends, chunk.ends.map { summary.tokens + $0 })
    let own = Array(examples.labels[chunk.rows])
    try self.add(.labels, own)
    start = 0
    for (row, end) in chunk.ends.enumerated() {
      checks[row].add(types: chunk.types[start..<end], label: own[row])
      start = end
    }
    let width = examples.valuesPerRow
    if width > 0 {
      let values = examples.values[chunk.rows.lowerBound * width..<chunk.rows.upperBound * width]
      try add(.values, perRow: width, Array(values))
    }
    if !examples.groups.ids.isEmpty { try add(.groups, perRow: 1, Array(examples.groups.ids[chunk.rows])) }
    if examples.areOfWords {
      try add(.words, perToken: 1, chunk.words)
      try add(.tags, perToken: 1, chunk.tags)
    }
    if options.keepsOffsets { try add(.offsets, perToken: 2, chunk.offsets) }
    if options.keepsHashes { try add(.hashes, perRow: SHA256.byteCount, chunk.hashes) }
    try add(.keys, perRow: 1, chunk.keys)
    try self.add(.checks, checks.map(\.value))
    if summary.firstUnlabelledRow == nil {
      summary.firstUnlabelledRow = own.firstIndex { $0 < 0 }.map { summary.rows + $0 }
    }
    summary.labelledRows += own.count { $0 >= 0 }
    summary.classes = max(summary.classes, own.max().map { Int($0) + 1 } ?? 0)
    summary.segments = max(summary.segments, chunk.types.max().map { Int($0) + 1 } ?? 0)
    summary.longest = max(summary.longest, longest)
    summary.truncatedRows += chunk.truncatedRows
    summary.tokens += chunk.tokens.count
    summary.rows += chunk.ends.count
  }

  private func add<Number: BitwiseCopyable>(_ column: TokenColumnKind, _ numbers: [Number]) throws {
    try columns[column]?.append(numbers)
  }

  /// All that was added.
  package func finish() throws -> TokenTable {
    let ids = occurs.indices.filter { occurs[$0] }.map(Int32.init)
    summary.occurring = ids.count
    summary.tokenIds = ids.last.map { Int($0) + 1 } ?? 0
    summary.hasTypes = summary.segments > 1
    summary.hasLabels = summary.labelledRows > 0
    try add(.occurring, ids)
    var finished: [TokenColumnKind: TokenColumn] = [:]
    for (kind, column) in columns { finished[kind] = try column.finish() }
    let table =
      directory.map { TokenTable(mapping: $0, summary) } ?? TokenTable(summary) { finished[$0] }
    guard let table else {
      throw DatasetError(directory ?? "", "expected the tokens just written, found other files; make it again")
    }
    return table
  }

  // MARK: Tokenising

  private func chunks(_ examples: Examples, _ range: Range<Int>) -> [TokenChunk] {
    let count = (range.count + Self.chunkRows - 1) / Self.chunkRows
    let chunks = Mutex([TokenChunk](repeating: TokenChunk(), count: count))
    let (tokenizer, options, threads) = (tokenizer, options, threads)
    concurrently(min(threads, count)) { thread in
      var work = Tokenizer.Workspace()
      for index in stride(from: thread, to: count, by: threads) {
        let start = range.lowerBound + index * Self.chunkRows
        let rows = start..<min(start + Self.chunkRows, range.upperBound)
        let chunk = TokenChunk(examples, rows, tokenizer, options, &work)
        chunks.withLock { $0[index] = chunk }
      }
    }
    return chunks.withLock { $0 }
  }
}

/// How tokens are made of rows.
package struct TokenTableOptions: Sendable, Equatable {
  /// The most tokens of a row, special ones included; `nil` for no limit.
  let maxLength: Int?
  let truncation: Truncation
  /// Whether rows are to be aligned with another tokenization of them.
  let keepsOffsets: Bool
  /// Whether rows are to be found by their texts.
  let keepsHashes: Bool

  package init(
    maxLength: Int?, truncation: Truncation = .longestFirst, keepsOffsets: Bool = false, keepsHashes: Bool = false
  ) {
    self.maxLength = maxLength
    self.truncation = truncation
    self.keepsOffsets = keepsOffsets
    self.keepsHashes = keepsHashes
  }
}

/// A few rows as tokens.
private struct TokenChunk: Sendable {
  var rows = 0..<0
  var tokens: [Int32] = []
  var types: [UInt8] = []
  var ends: [Int] = []
  var words: [Int32] = []
  var tags: [Int32] = []
  /// (tokens, 2)
  var offsets: [Int32] = []
  var keys: [UInt32] = []
  var hashes: [UInt8] = []
  var truncatedRows = 0
  /// The row among these that could not be made tokens of.
  var failure: (row: Int, reason: String)?

  init() {}

  init(
    _ examples: Examples, _ rows: Range<Int>, _ tokenizer: Tokenizer, _ options: TokenTableOptions,
    _ work: inout Tokenizer.Workspace
  ) {
    self.rows = rows
    for row in rows {
      do {
        let encoding = try tokenizer.encode(
          examples.text(row), pair: examples.pair(row), maxLength: options.maxLength, truncation: options.truncation,
          offsets: examples.areOfWords || options.keepsOffsets, &work)
        tokens.append(contentsOf: encoding.ids)
        types.append(contentsOf: encoding.typeIds.lazy.map(UInt8.init))
        ends.append(tokens.count)
        keys.append(TokenTable.key(encoding.ids))
        truncatedRows += encoding.isTruncated ? 1 : 0
        if options.keepsOffsets { offsets += encoding.places.flatMap { [$0.lowerBound, $0.upperBound] } }
        if options.keepsHashes { appendHash(examples, row) }
        if examples.areOfWords { appendWords(examples, row, encoding) }
      } catch {
        failure = (row - rows.lowerBound, error.reason)
        return
      }
    }
  }

  private mutating func appendHash(_ examples: Examples, _ row: Int) {
    let digest = examples.hash(row)
    hashes += [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { buffer, count in
      if let base = buffer.baseAddress { digest.store(to: base) }
      count = SHA256.byteCount
    }
  }

  /// Finds the word that each token begins: the first token that has some of its characters.
  private mutating func appendWords(_ examples: Examples, _ row: Int, _ encoding: Encoding) {
    let places = examples.wordsWithPlaces(row).map(\.characters)
    let rowTags = Array(examples.tags(row))
    var next = 0
    for offsets in encoding.offsets {
      // Words that lie before this token have none; a token of blanks alone belongs to no word.
      while !offsets.isEmpty, next < places.count, places[next].upperBound <= Int(offsets.lowerBound) { next += 1 }
      guard !offsets.isEmpty, next < places.count, places[next].lowerBound < Int(offsets.upperBound) else {
        words.append(-1)
        tags.append(-1)
        continue
      }
      words.append(Int32(next))
      tags.append(rowTags[next])
      next += 1
    }
  }
}

extension Examples {
  /// The hash of a row's text; of a pair, of both with a byte 0 between them.
  fileprivate func hash(_ row: Int) -> SHA256 {
    var bytes = Array(text(row))
    if let pair = pair(row) { bytes += [0] + pair }
    return SHA256(of: bytes)
  }
}

extension Encoding {
  /// `offsets` with the second sentence behind the first, however long that is.
  fileprivate var places: [Range<Int32>] {
    var places = offsets
    for token in second {
      let (start, end) = (places[token].lowerBound, places[token].upperBound)
      places[token] = Int32(clamping: Int(start) + Self.secondStart)..<Int32(clamping: Int(end) + Self.secondStart)
    }
    return places
  }

  private static let secondStart = 1 << 30
}
