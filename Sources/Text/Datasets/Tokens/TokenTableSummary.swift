import JSON

/// What is known of all rows of a token table without a look at them.
package struct TokenTableSummary: Sendable, Equatable {
  package internal(set) var rows = 0
  package internal(set) var tokens = 0
  /// The tokens of the longest row.
  var longest = 0
  /// One more than the highest token id.
  var tokenIds = 0
  /// How many ids occur.
  var occurring = 0
  /// One more than the highest segment id.
  var segments = 0
  /// One more than the highest class.
  var classes = 0
  var labelledRows = 0
  /// The first that has none.
  var firstUnlabelledRow: Int?
  var truncatedRows = 0
  var valuesPerRow = 0
  var areOfWords = false
  var hasPairs = false
  var keepsOffsets = false
  var keepsHashes = false
  /// Bytes of a token id.
  var tokenBytes = 4
  var hasTypes = false
  var hasLabels = false
  var hasGroups = false
  var notices: [String] = []

  init() {}

  /// How many bytes a column has; 0 where it is not there.
  func byteCount(_ column: TokenColumnKind) -> Int {
    switch column {
    case .tokens: tokens * tokenBytes
    case .types: hasTypes ? tokens : 0
    case .ends: 8 * rows
    case .labels: hasLabels ? 4 * rows : 0
    case .groups: hasGroups ? 4 * rows : 0
    case .values: 4 * rows * valuesPerRow
    case .words, .tags: areOfWords ? 4 * tokens : 0
    case .offsets: keepsOffsets ? 8 * tokens : 0
    case .keys, .checks: 4 * rows
    case .hashes: keepsHashes ? 32 * rows : 0
    case .occurring: 4 * occurring
    }
  }

  /// Of all columns.
  package var byteCount: Int { TokenColumnKind.allCases.reduce(0) { $0 + byteCount($1) } }

  // MARK: JSON

  private static let numbers: [(String, WritableKeyPath<Self, Int> & Sendable)] = [
    ("rows", \.rows), ("tokens", \.tokens), ("longest", \.longest), ("token_ids", \.tokenIds),
    ("occurring", \.occurring), ("segments", \.segments), ("classes", \.classes), ("labelled_rows", \.labelledRows),
    ("truncated_rows", \.truncatedRows), ("values_per_row", \.valuesPerRow), ("token_bytes", \.tokenBytes),
  ]

  private static let switches: [(String, WritableKeyPath<Self, Bool> & Sendable)] = [
    ("words", \.areOfWords), ("pairs", \.hasPairs), ("offsets", \.keepsOffsets), ("hashes", \.keepsHashes),
    ("types", \.hasTypes), ("labels", \.hasLabels), ("groups", \.hasGroups),
  ]

  package var json: JSON {
    var members = JSONObject()
    for (name, path) in Self.numbers { members[name] = .integer(self[keyPath: path]) }
    for (name, path) in Self.switches { members[name] = .bool(self[keyPath: path]) }
    members["first_unlabelled_row"] = firstUnlabelledRow.map(JSON.integer) ?? .null
    members["notices"] = .array(notices.map(JSON.string))
    return .object(members)
  }

  /// - Returns: `nil` of what no table can be.
  package init?(json: JSON) {
    for (name, path) in Self.numbers {
      guard let number = json[name]?.int, (0..<1 << 40).contains(number) else { return nil }
      self[keyPath: path] = number
    }
    for (name, path) in Self.switches {
      guard let value = json[name]?.bool else { return nil }
      self[keyPath: path] = value
    }
    firstUnlabelledRow = json["first_unlabelled_row"]?.int
    notices = json["notices"]?.array?.compactMap(\.string) ?? []
    guard tokenBytes == 2 || tokenBytes == 4, valuesPerRow < 1 << 20 else { return nil }
  }
}
