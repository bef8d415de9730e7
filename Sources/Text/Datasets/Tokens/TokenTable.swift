import Kernels
import Limits

/// Rows as tokens, which never change: in memory, or in a directory whose files are mapped, so that all processes of a
/// host have them in memory once, and no more of them than they read.
package final class TokenTable: Sendable {
  package let summary: TokenTableSummary
  /// The directory it is mapped from; `nil` in memory.
  package let directory: String?
  /// `TokenizedDataset.digest` of its rows, where it is known.
  let digest: SHA256?
  /// What was wrong with the files that it took the place of.
  package let replaced: String?
  /// Held as long as it is mapped.
  private let claim: (any Sendable)?
  private let tokens: TokenColumn
  private let types: TokenColumn?
  private let ends: TokenColumn
  private let labels: TokenColumn?
  private let values: TokenColumn?
  private let groups: TokenColumn?
  private let words: TokenColumn?
  private let tags: TokenColumn?
  private let offsets: TokenColumn?
  private let keys: TokenColumn
  private let checks: TokenColumn
  private let hashes: TokenColumn?
  private let occurring: TokenColumn

  /// - Parameters:
  ///   - columns: those that the summary says are there.
  ///   - directory: where they are mapped from.
  /// - Returns: `nil` where one is missing.
  init?(
    _ summary: TokenTableSummary, directory: String? = nil, digest: SHA256? = nil, claim: (any Sendable)? = nil,
    replaced: String? = nil, columns: (TokenColumnKind) -> TokenColumn?
  ) {
    func column(_ kind: TokenColumnKind) -> TokenColumn? {
      summary.byteCount(kind) == 0 ? TokenColumn?.none : columns(kind)
    }
    let missing = TokenColumnKind.allCases.first { summary.byteCount($0) > 0 && columns($0) == nil }
    guard missing == nil else { return nil }
    let none = TokenColumn()
    self.summary = summary
    self.directory = directory
    self.digest = digest
    self.claim = claim
    self.replaced = replaced
    tokens = column(.tokens) ?? none
    types = column(.types)
    ends = column(.ends) ?? none
    labels = column(.labels)
    values = column(.values)
    groups = column(.groups)
    words = column(.words)
    tags = column(.tags)
    offsets = column(.offsets)
    keys = column(.keys) ?? none
    checks = column(.checks) ?? none
    hashes = column(.hashes)
    occurring = column(.occurring) ?? none
  }

  /// Maps what a `TokenTableBuilder` wrote.
  ///
  /// - Parameters:
  ///   - digest: `TokenizedDataset.digest` of its rows, where it is known.
  ///   - claim: kept as long as the files are mapped.
  ///   - replaced: what was wrong with the files before these.
  /// - Returns: `nil` where the directory does not hold all of it.
  package convenience init?(
    mapping directory: String, _ summary: TokenTableSummary, digest: SHA256? = nil, claim: (any Sendable)? = nil,
    replaced: String? = nil
  ) {
    var columns: [TokenColumnKind: TokenColumn] = [:]
    for kind in TokenColumnKind.allCases where summary.byteCount(kind) > 0 {
      columns[kind] = TokenColumn(
        mapping: "\(directory)/\(kind.rawValue)", byteCount: summary.byteCount(kind), isOfRows: kind.isOfRows)
    }
    self.init(summary, directory: directory, digest: digest, claim: claim, replaced: replaced) { columns[$0] }
  }

  var count: Int { summary.rows }

  /// Where a row's tokens are. Never outside of the table, even where a file is damaged.
  func place(_ row: Int) -> Range<Int> {
    let ends = ends.numbers(Int.self)
    let start = row == 0 ? 0 : min(max(0, ends[row - 1]), summary.tokens)
    return start..<min(max(start, ends[row]), summary.tokens)
  }

  func countLengths(into counts: inout [Int: Int]) {
    var own = [Int](repeating: 0, count: summary.longest + 1)
    for row in 0..<count { own[min(place(row).count, summary.longest)] += 1 }
    for (length, rows) in own.enumerated() where rows > 0 { counts[length, default: 0] += rows }
  }

  /// Which rows it is ranked with.
  func group(_ row: Int) -> Int32? { groups?.numbers(Int32.self)[row] }

  func label(_ row: Int) -> Int32 {
    let label = labels?.numbers(Int32.self)[row] ?? -1
    guard directory == nil || (-1..<max(1, Int32(clamping: summary.classes))).contains(label) else { fail(row) }
    return label
  }

  /// The numbers of a column for the tokens of a row.
  private func part<Number: BitwiseCopyable>(_ column: TokenColumn?, _ row: Int, as type: Number.Type) -> [Number] {
    guard let column else { return [] }
    return Array(column.numbers(type)[place(row)])
  }

  func words(_ row: Int) -> [Int32] { part(words, row, as: Int32.self) }

  func tags(_ row: Int) -> [Int32] { part(tags, row, as: Int32.self) }

  func values(_ row: Int) -> [Float] {
    guard let values else { return [] }
    return Array(values.numbers(Float.self)[row * summary.valuesPerRow..<(row + 1) * summary.valuesPerRow])
  }

  func offsets(_ row: Int) -> [Range<Int32>] {
    guard let numbers = offsets?.numbers(Int32.self) else { return [] }
    return place(row).map { token in
      let (start, end) = (numbers[2 * token], numbers[2 * token + 1])
      return start..<max(start, end)
    }
  }

  /// Adds a row's token ids to a list. A damaged row ends the process: its ids would be read as places in a model's
  /// tables.
  func append(_ row: Int, to list: inout [Int32]) {
    guard directory == nil || isSound(row) else { fail(row) }
    let place = place(row)
    if summary.tokenBytes == 2 {
      list.append(contentsOf: tokens.numbers(UInt16.self)[place].lazy.map(Int32.init))
    } else {
      list.append(contentsOf: tokens.numbers(Int32.self)[place])
    }
  }

  private func fail(_ row: Int) -> Never {
    UnthrownError.fail(DamagedTokens(directory: directory ?? "", row: row))
  }

  /// The first row that is not as it was written.
  package var firstDamagedRow: Int? {
    (0..<count).first { row in
      if row % (1 << 20) == 0 { forget() }
      return !isSound(row)
    }
  }

  /// Gives memory back that mapped files take.
  func forget() {
    let columns: [TokenColumn?] = [
      tokens, types, ends, labels, values, groups, words, tags, offsets, keys, checks, hashes,
    ]
    for column in columns { column?.forget() }
  }

  private func isSound(_ row: Int) -> Bool {
    let place = place(row)
    var check = RowCheck()
    func add(_ column: TokenColumn?, _ range: Range<Int>, bytes: Int) {
      guard let column else { return }
      check.add(UnsafeRawBufferPointer(rebasing: column.bytes[range.lowerBound * bytes..<range.upperBound * bytes]))
    }
    add(tokens, place, bytes: summary.tokenBytes)
    check.add(types: types?.bytes[place] ?? TokenColumn().bytes[...], label: labels?.numbers(Int32.self)[row] ?? -1)
    let one = row..<row + 1
    add(values, one, bytes: 4 * summary.valuesPerRow)
    add(groups, one, bytes: 4)
    add(words, place, bytes: 4)
    add(tags, place, bytes: 4)
    add(offsets, place, bytes: 8)
    add(hashes, one, bytes: SHA256.byteCount)
    add(keys, one, bytes: 4)
    return check.value == checks.numbers(UInt32.self)[row]
  }

  func appendTypes(_ row: Int, to list: inout [Int32]) {
    let place = place(row)
    guard let types else { return list.append(contentsOf: repeatElement(0, count: place.count)) }
    list.append(contentsOf: types.bytes[place].lazy.map(Int32.init))
  }

  // MARK: Hashes

  func key(_ row: Int) -> UInt32 { keys.numbers(UInt32.self)[row] }

  /// Rows of the same tokens have the same key, and few others have.
  static func key(_ tokens: some Sequence<Int32>) -> UInt32 {
    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
    for token in tokens {
      hash = (hash ^ UInt64(UInt32(bitPattern: token))) &* 0xFF51_AFD7_ED55_8CCD
      hash ^= hash >> 32
    }
    return UInt32(truncatingIfNeeded: hash ^ (hash >> 29))
  }

  /// The hash of a row's text.
  func hash(_ row: Int) -> SHA256? {
    guard let hashes else { return nil }
    return SHA256(stored: UnsafeRawBufferPointer(rebasing: hashes.bytes[row * 32..<(row + 1) * 32]))
  }

  /// Whether the ids that are said to occur are ids, in order.
  package var hasSoundIds: Bool {
    let ids = occurring.numbers(Int32.self)
    return zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 } && ids.first.map { $0 >= 0 } ?? true
      && ids.last.map { Int($0) + 1 } ?? 0 == summary.tokenIds
  }

  /// The ids that occur, in order.
  var occurringTokens: [Int32] { Array(occurring.numbers(Int32.self)) }

  /// Whether the rows of another table have the same labels in the same order.
  func hasSameLabels(as other: TokenTable) -> Bool {
    guard count == other.count else { return false }
    guard let own = labels, let others = other.labels else { return labels == nil && other.labels == nil }
    return own.bytes.elementsEqual(others.bytes)
  }

  /// Adds up how often each token occurs.
  func count(into uses: inout [Int]) {
    if summary.tokenBytes == 2 {
      for token in tokens.numbers(UInt16.self) { uses[Int(token)] += 1 }
    } else {
      for token in tokens.numbers(Int32.self) { uses[Int(token)] += 1 }
    }
  }
}
