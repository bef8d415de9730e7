import Kernels

/// A dataset as tokens: the rows of one table, or of several, one behind the other. The same for any number of threads.
package struct TokenizedDataset: Sendable {
  private let tables: [TokenTable]
  /// The first row of each table, with the total at the end. (tables + 1)
  private let firsts: [Int]
  /// How many numbers each row has as its target; 0 where it has a class.
  package let valuesPerRow: Int
  /// Whether rows are lists of words.
  package let areOfWords: Bool
  /// Where rows have the words of another tokenization of them.
  package private(set) var alignment: WordAlignment?

  /// The rows of some tables, those of each behind those of the one before.
  package init(_ tables: [TokenTable]) {
    self.tables = tables
    firsts = tables.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
    // Texts without labels have none.
    valuesPerRow = tables.reduce(0) { max($0, $1.summary.valuesPerRow) }
    areOfWords = tables.contains { $0.summary.areOfWords && $0.summary.tokens > 0 }
  }

  /// Tokenises every row, or some, in memory.
  /// - Parameters:
  ///   - maxLength: The most tokens of a row, special ones included; nil for no limit.
  ///   - keepsOffsets: Whether the rows are to be aligned with another tokenization of them.
  ///   - threads: How many work at it.
  /// - Throws: `TokenizerError` if `maxLength` has no room for the special tokens, or `truncation` cannot cut a row to it.
  package init(
    _ examples: Examples, rows: Range<Int>? = nil, tokenizer: Tokenizer, maxLength: Int?,
    truncation: Truncation = .longestFirst, keepsOffsets: Bool = false, threads: Int = 1
  ) throws {
    let options = TokenTableOptions(maxLength: maxLength, truncation: truncation, keepsOffsets: keepsOffsets)
    let builder = try TokenTableBuilder(tokenizer, options, threads: threads)
    try builder.append(examples, rows: rows)
    self.init([try builder.finish()])
  }

  /// The rows of several datasets, one after the other.
  package init(joining parts: [TokenizedDataset]) { self.init(parts.flatMap(\.tables)) }

  /// The same rows, which know their words in another tokenization of them. Both were made with `keepsOffsets`.
  package func aligned(with other: TokenizedDataset) -> TokenizedDataset {
    precondition(count == other.count && (tables + other.tables).allSatisfy(\.summary.keepsOffsets))
    var aligned = self
    aligned.alignment = WordAlignment(own: { [self] in offsets($0) }, other: { other.offsets($0) })
    return aligned
  }

  // MARK: All rows

  package var count: Int { firsts[tables.count] }

  private func most(_ number: (TokenTableSummary) -> Int) -> Int { tables.reduce(0) { max($0, number($1.summary)) } }

  private func sum(_ number: (TokenTableSummary) -> Int) -> Int { tables.reduce(0) { $0 + number($1.summary) } }

  /// How many rows have a label.
  package var labelledRows: Int { sum(\.labelledRows) }

  /// The first row without a label.
  package var firstUnlabelledRow: Int? {
    zip(tables, firsts).lazy.compactMap { table, first in table.summary.firstUnlabelledRow.map { first + $0 } }.first
  }

  /// How many rows lost tokens to `maxLength`.
  package var truncatedRows: Int { sum(\.truncatedRows) }

  /// Whether rows were pairs of texts.
  package var hasPairs: Bool { tables.contains(where: \.summary.hasPairs) }

  /// What the user should know of how the rows were read.
  package var notices: [String] { tables.flatMap(\.summary.notices) }

  /// How many rows have a length, by lengths.
  package var lengthCounts: [Int: Int] {
    var counts: [Int: Int] = [:]
    for table in tables { table.countLengths(into: &counts) }
    return counts
  }

  /// Tables that this process made in place of damaged ones.
  package var repairs: [String] { tables.compactMap(\.replaced) }

  /// Tokens a row, on average; 0 of no rows.
  package var meanLength: Double { count == 0 ? 0 : Double(sum(\.tokens)) / Double(count) }

  /// The tokens of the longest row; 0 of no rows.
  package var maximumLength: Int { most(\.longest) }

  /// One more than the highest token id; 0 of no rows.
  package var tokenCount: Int { most(\.tokenIds) }

  /// One more than the highest segment id; 0 of no rows.
  package var segmentCount: Int { most(\.segments) }

  /// One more than the highest class; 0 where no row has one.
  package var labelCount: Int { most(\.classes) }

  /// The token ids that occur, in order.
  package var occurringTokens: [Int] {
    if tables.count == 1 { return tables[0].occurringTokens.map(Int.init) }
    return tables.reduce(into: Set<Int>()) { $0.formUnion($1.occurringTokens.lazy.map(Int.init)) }.sorted()
  }

  /// Adds up how often each token occurs.
  /// - Parameter uses: by id, with a place for each.
  package func count(into uses: inout [Int]) {
    for table in tables { table.count(into: &uses) }
  }

  /// Classes, or 0 where targets are `values`, or −1 where a row has none: made of all rows anew. (rows)
  package var labels: [Int32] { tables.flatMap { table in (0..<table.count).lazy.map(table.label) } }

  /// The hashes of all rows' texts, where they were asked for. (rows)
  package var hashes: [SHA256] { tables.flatMap { table in (0..<table.count).lazy.compactMap(table.hash) } }

  /// Bytes of tables in files, which all processes of a host share.
  package var mappedBytes: Int { tables.reduce(0) { $0 + ($1.directory == nil ? 0 : $1.summary.byteCount) } }

  /// Whether another dataset's rows have the same labels in the same order.
  package func hasSameLabels(as other: TokenizedDataset) -> Bool {
    tables.count == other.tables.count && zip(tables, other.tables).allSatisfy { $0.hasSameLabels(as: $1) }
  }

  /// The datasets whose rows follow one another here.
  package var sources: [TokenizedDataset] { tables.map { TokenizedDataset([$0]) } }

  /// The hash of every row's tokens, segments and label. Known of a table that was kept; else all are read.
  package func digest() -> SHA256 {
    if tables.count == 1, let digest = tables[0].digest { return digest }
    var stream = SHA256Stream()
    // As many rows at a time as make a batch of a few megabytes.
    for start in stride(from: 0, to: count, by: 8192) {
      let batch = batch(start..<min(start + 8192, count))
      if start % (1 << 20) == 0 { for table in tables { table.forget() } }
      batch.tokens.withUnsafeBytes { stream.append($0) }
      batch.types.withUnsafeBytes { stream.append($0) }
      batch.starts.withUnsafeBytes { stream.append($0) }
      batch.labels.withUnsafeBytes { stream.append($0) }
      batch.values.withUnsafeBytes { stream.append($0) }
      batch.tags.withUnsafeBytes { stream.append($0) }
    }
    return stream.digest()
  }

  /// Which of some rows are also rows of this dataset, as their tokens say: how many, and the first.
  package func duplicates(of rows: Range<Int>, in other: TokenizedDataset) -> (count: Int, first: Int)? {
    let known = Set((0..<count).lazy.map { tokens($0) })
    // Of most rows a look at a few bits of their key is enough.
    var mayBe = [Bool](repeating: false, count: 1 << 16)
    for table in tables { for row in 0..<table.count { mayBe[Int(table.key(row) & 0xFFFF)] = true } }
    var found: (count: Int, first: Int)?
    for row in rows {
      let (table, place) = other.place(row)
      guard mayBe[Int(table.key(place) & 0xFFFF)], known.contains(other.tokens(row)) else { continue }
      found = ((found?.count ?? 0) + 1, found?.first ?? row)
    }
    return found
  }

  // MARK: A row

  private func place(_ row: Int) -> (table: TokenTable, row: Int) {
    var index = 0
    while row >= firsts[index + 1] { index += 1 }
    return (tables[index], row - firsts[index])
  }

  /// The tokens of a row, special ones included.
  package func length(_ row: Int) -> Int {
    let (table, row) = place(row)
    return table.place(row).count
  }

  /// The class of a row, or 0 where targets are `values`, or −1 where it has none.
  package func label(_ row: Int) -> Int32 {
    let (table, row) = place(row)
    return table.label(row)
  }

  /// How many targets the hard loss counts in a row.
  package func targets(_ row: Int) -> Int {
    if label(row) < 0 { return 0 }
    return areOfWords ? tags(row).count { $0 >= 0 } : max(1, valuesPerRow)
  }

  /// The tag of the word that each token of a row begins, −1 for all other tokens.
  package func tags(_ row: Int) -> [Int32] {
    let (table, row) = place(row)
    return table.summary.areOfWords ? table.tags(row) : [Int32](repeating: -1, count: table.place(row).count)
  }

  /// Which word of a row each of its tokens begins, −1 for all other tokens.
  package func words(_ row: Int) -> [Int32] {
    let (table, row) = place(row)
    return table.summary.areOfWords ? table.words(row) : [Int32](repeating: -1, count: table.place(row).count)
  }

  /// The numbers that are a row's target.
  package func values(_ row: Int) -> [Float] {
    let (table, row) = place(row)
    return table.summary.valuesPerRow == valuesPerRow
      ? table.values(row) : [Float](repeating: 0, count: valuesPerRow)
  }

  /// Which rows a row is ranked with, all of one table; `nil` where nobody asked, and of texts without labels.
  package func group(_ row: Int) -> Int32? {
    let (table, row) = place(row)
    return table.group(row)
  }

  /// The token ids of a row.
  package func tokens(_ row: Int) -> [Int32] {
    let (table, row) = place(row)
    var tokens: [Int32] = []
    table.append(row, to: &tokens)
    return tokens
  }

  /// Which characters of its text each token of a row covers.
  private func offsets(_ row: Int) -> [Range<Int32>] {
    let (table, row) = place(row)
    return table.offsets(row)
  }

  /// The named rows, packed in the order given.
  package func batch(_ samples: some Sequence<Int>) -> Batch {
    var batch = Batch()
    batch.words = alignment?.batch(samples)
    for sample in samples {
      let (table, row) = place(sample)
      table.append(row, to: &batch.tokens)
      table.appendTypes(row, to: &batch.types)
      batch.starts.append(batch.tokens.count)
      batch.labels.append(table.label(row))
      if valuesPerRow > 0 { batch.values.append(contentsOf: values(sample)) }
      if areOfWords { batch.tags.append(contentsOf: tags(sample)) }
      batch.groups.append(group(sample) ?? -1)
      batch.samples.append(sample)
    }
    return batch
  }
}
