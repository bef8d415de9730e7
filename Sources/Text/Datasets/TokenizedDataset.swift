import Limits
import Synchronization

/// A dataset as tokens, made once a run. The same for any number of threads.
package struct TokenizedDataset: Sendable {
  /// Token ids of all rows. (tokens)
  private let tokens: [Int32]
  /// Segment ids. (tokens)
  private let types: [UInt8]
  /// Where each row starts, with the total at the end. (rows + 1)
  private let starts: [Int]
  /// Classes, or 0 where targets are `values`, or −1 where a row has none. (rows)
  package let labels: [Int32]
  /// Numbers to predict. (rows, width), or empty
  private let values: [Float]
  /// How many numbers each row has as its target; 0 where it has a class.
  package let valuesPerRow: Int
  /// Which word of its row each token begins, −1 for all other tokens. (tokens), or empty
  private let words: [Int32]
  /// The tag of the word that a token begins, −1 for all other tokens. (tokens), or empty
  private let tags: [Int32]
  /// Which rows are ranked together. (rows), or empty
  private let groups: [Int32]
  /// Which characters of its text each token covers. (tokens), or empty where they were not asked for
  private let offsets: [Range<Int32>]
  /// Where rows have the words of another tokenization of them.
  package private(set) var alignment: WordAlignment?
  /// How many rows lost tokens to `maxLength`.
  package let truncatedRows: Int
  /// What the user should know of how the rows were read.
  package let notices: [String]

  /// Tokenises every row, or some.
  /// - Parameters:
  ///   - maxLength: The most tokens of a row, special ones included; nil for no limit.
  ///   - keepsOffsets: Whether the rows are to be aligned with another tokenization of them.
  ///   - threads: How many work at it.
  /// - Throws: If `maxLength` has no room for the special tokens, or `truncation` cannot cut a row to it.
  package init(
    _ examples: Examples, rows: Range<Int>? = nil, tokenizer: Tokenizer, maxLength: Int?,
    truncation: Truncation = .longestFirst, keepsOffsets: Bool = false, threads: Int = 1
  ) throws(TokenizerError) {
    let wanted = rows ?? 0..<examples.count
    // Of each row its start, its class and two special tokens at least.
    do throws(OutOfMemory) {
      try OutOfMemory.check(22 * wanted.count, for: "\(wanted.count) rows of tokens")
    } catch {
      throw TokenizerError(nil, "\(error)")
    }
    var tokens: [Int32] = []
    var types: [UInt8] = []
    var starts = [0]
    var words: [Int32] = []
    var tags: [Int32] = []
    var offsets: [Range<Int32>] = []
    var truncatedRows = 0
    starts.reserveCapacity(wanted.count + 1)
    // A few chunks at a time, so that no more than these are there twice.
    for first in stride(from: wanted.lowerBound, to: wanted.upperBound, by: Self.chunkRows * Self.chunksTogether) {
      let rows = first..<min(first + Self.chunkRows * Self.chunksTogether, wanted.upperBound)
      let reading = Reading(
        examples: examples, tokenizer: tokenizer, maxLength: maxLength, truncation: truncation,
        keepsOffsets: keepsOffsets)
      for chunk in reading.chunks(rows, threads: max(1, threads)) {
        if let error = chunk.error { throw error }
        starts.append(contentsOf: chunk.ends.lazy.map { [base = tokens.count] in base + $0 })
        tokens.append(contentsOf: chunk.tokens)
        types.append(contentsOf: chunk.types)
        words += chunk.words
        tags += chunk.tags
        offsets += chunk.offsets
        truncatedRows += chunk.truncatedRows
      }
    }
    (self.tokens, self.types, self.starts, self.truncatedRows) = (tokens, types, starts, truncatedRows)
    (self.words, self.tags, self.offsets) = (words, tags, offsets)
    labels = rows == nil ? examples.labels : Array(examples.labels[wanted])
    valuesPerRow = examples.valuesPerRow
    values = Array(examples.values[wanted.lowerBound * valuesPerRow..<wanted.upperBound * valuesPerRow])
    groups = examples.groups.ids.isEmpty ? [] : Array(examples.groups.ids[wanted])
    notices = examples.notices
  }

  /// The rows of several datasets, one after the other.
  package init(joining parts: [TokenizedDataset]) {
    var tokens: [Int32] = []
    var types: [UInt8] = []
    var starts = [0]
    var labels: [Int32] = []
    var values: [Float] = []
    // Texts without labels have none.
    let width = parts.reduce(0) { max($0, $1.valuesPerRow) }
    var (words, tags): ([Int32], [Int32]) = ([], [])
    let areOfWords = parts.contains(where: \.areOfWords)
    for part in parts {
      values += part.valuesPerRow == width ? part.values : [Float](repeating: 0, count: part.count * width)
      let none = [Int32](repeating: -1, count: areOfWords && !part.areOfWords ? part.tokens.count : 0)
      words += part.words + none
      tags += part.tags + none
      starts.append(contentsOf: part.starts.dropFirst().lazy.map { [base = tokens.count] in base + $0 })
      tokens += part.tokens
      types += part.types
      labels += part.labels
    }
    (self.tokens, self.types, self.starts, self.labels) = (tokens, types, starts, labels)
    (self.values, valuesPerRow) = (values, width)
    (self.words, self.tags, offsets) = (words, tags, parts.flatMap(\.offsets))
    // Texts without labels are ranked with no others.
    groups =
      parts.contains { !$0.groups.isEmpty }
      ? parts.flatMap { part in
        part.groups.isEmpty || part.labelledRows == 0 ? [Int32](repeating: -1, count: part.count) : part.groups
      } : []
    truncatedRows = parts.reduce(0) { $0 + $1.truncatedRows }
    notices = parts.flatMap(\.notices)
  }

  /// The same rows, which know their words in another tokenization of them. Both were made with `keepsOffsets`.
  package func aligned(with other: TokenizedDataset) -> TokenizedDataset {
    precondition(count == other.count && offsets.count == tokens.count && other.offsets.count == other.tokens.count)
    var aligned = self
    aligned.alignment = WordAlignment(
      own: offsets, ownStarts: starts, other: other.offsets, otherStarts: other.starts)
    return aligned
  }

  package var count: Int { labels.count }

  /// How many rows have a label.
  package var labelledRows: Int { labels.count { $0 >= 0 } }

  /// How many targets the hard loss counts in a row.
  package func targets(_ row: Int) -> Int {
    if labels[row] < 0 { return 0 }
    return areOfWords ? tags(row).count { $0 >= 0 } : max(1, valuesPerRow)
  }

  /// Whether rows are lists of words.
  package var areOfWords: Bool { !words.isEmpty }

  /// The tag of the word that each token of a row begins, −1 for all other tokens.
  package func tags(_ row: Int) -> ArraySlice<Int32> { tags[starts[row]..<starts[row + 1]] }

  /// Which word of a row each of its tokens begins, −1 for all other tokens.
  package func words(_ row: Int) -> ArraySlice<Int32> { words[starts[row]..<starts[row + 1]] }

  /// The numbers that are a row's target.
  package func values(_ row: Int) -> ArraySlice<Float> { values[row * valuesPerRow..<(row + 1) * valuesPerRow] }

  /// Which group a row is ranked in; `nil` where it is in none.
  package func group(_ row: Int) -> Int32? { groups.isEmpty || groups[row] < 0 ? nil : groups[row] }

  /// The token ids of a row.
  package func tokens(_ row: Int) -> ArraySlice<Int32> { tokens[starts[row]..<starts[row + 1]] }

  /// Adds up how often each token occurs.
  /// - Parameter uses: by id, with a place for each.
  package func count(into uses: inout [Int]) {
    for token in tokens { uses[Int(token)] += 1 }
  }

  /// The tokens of a row, special ones included.
  package func length(_ row: Int) -> Int { starts[row + 1] - starts[row] }

  /// Tokens a row, on average; 0 of no rows.
  package var meanLength: Double { count == 0 ? 0 : Double(tokens.count) / Double(count) }

  /// The tokens of the longest row; 0 of no rows.
  package var maximumLength: Int { (0..<count).reduce(0) { max($0, length($1)) } }

  /// One more than the highest token id; 0 of no rows.
  package var tokenCount: Int { tokens.max().map { Int($0) + 1 } ?? 0 }

  /// One more than the highest segment id; 0 of no rows.
  package var segmentCount: Int { types.max().map { Int($0) + 1 } ?? 0 }

  /// One more than the highest class; 0 where no row has one.
  package var labelCount: Int { labels.max().map { Int($0) + 1 } ?? 0 }

  /// The named rows, packed in the order given.
  package func batch(_ samples: some Sequence<Int>) -> Batch {
    var batch = Batch()
    batch.words = alignment?.batch(samples)
    for sample in samples {
      let row = starts[sample]..<starts[sample + 1]
      batch.tokens.append(contentsOf: tokens[row])
      batch.types.append(contentsOf: types[row].lazy.map(Int32.init))
      batch.starts.append(batch.tokens.count)
      batch.labels.append(labels[sample])
      batch.values.append(contentsOf: values(sample))
      if areOfWords { batch.tags.append(contentsOf: tags(sample)) }
      batch.groups.append(group(sample) ?? -1)
      batch.samples.append(sample)
    }
    return batch
  }

  // MARK: Tokenising

  fileprivate struct Chunk: Sendable {
    var tokens: [Int32] = []
    var types: [UInt8] = []
    var ends: [Int] = []
    var words: [Int32] = []
    var tags: [Int32] = []
    var offsets: [Range<Int32>] = []
    var truncatedRows = 0
    var error: TokenizerError?
  }

  /// Few enough rows that threads end at about the same time.
  fileprivate static let chunkRows = 512
  private static let chunksTogether = 128
}

/// What rows are made tokens of, and how.
private struct Reading: Sendable {
  let examples: Examples
  let tokenizer: Tokenizer
  let maxLength: Int?
  let truncation: Truncation
  let keepsOffsets: Bool

  func chunks(_ range: Range<Int>, threads: Int) -> [TokenizedDataset.Chunk] {
    let chunkRows = TokenizedDataset.chunkRows
    let count = (range.count + chunkRows - 1) / chunkRows
    let chunks = Mutex([TokenizedDataset.Chunk](repeating: TokenizedDataset.Chunk(), count: count))
    concurrently(min(threads, count)) { thread in
      var work = Tokenizer.Workspace()
      for index in stride(from: thread, to: count, by: threads) {
        let start = range.lowerBound + index * chunkRows
        let chunk = chunk(start..<min(start + chunkRows, range.upperBound), &work)
        chunks.withLock { $0[index] = chunk }
      }
    }
    return chunks.withLock { $0 }
  }

  private func chunk(_ rows: Range<Int>, _ work: inout Tokenizer.Workspace) -> TokenizedDataset.Chunk {
    var chunk = TokenizedDataset.Chunk()
    for row in rows {
      do {
        let encoding = try tokenizer.encode(
          examples.text(row), pair: examples.pair(row), maxLength: maxLength, truncation: truncation,
          offsets: examples.areOfWords || keepsOffsets, &work)
        chunk.tokens.append(contentsOf: encoding.ids)
        chunk.types.append(contentsOf: encoding.typeIds.lazy.map(UInt8.init))
        chunk.ends.append(chunk.tokens.count)
        chunk.truncatedRows += encoding.isTruncated ? 1 : 0
        if keepsOffsets { chunk.offsets += encoding.places }
        if examples.areOfWords { chunk.appendWords(examples, row, encoding) }
      } catch {
        chunk.error = TokenizerError(nil, "row \(row + 1): \(error.reason)")
        return chunk
      }
    }
    return chunk
  }
}

extension TokenizedDataset.Chunk {
  /// Finds the word that each token begins: the first token that has some of its characters.
  fileprivate mutating func appendWords(_ examples: Examples, _ row: Int, _ encoding: Encoding) {
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
