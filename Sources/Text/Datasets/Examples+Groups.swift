/// Which rows belong together: numbered in the order in which their keys first occur.
package struct RowGroups: Sendable {
  private var places: [[UInt8]: Int32] = [:]
  /// Of each row. (rows)
  private(set) var ids: [Int32] = []

  package init() {}

  /// Of rows among others, by numbers that are given.
  fileprivate init(ids: [Int32]) { self.ids = ids }

  mutating func append(_ key: [UInt8]) {
    let next = Int32(places.count)
    let id = places[key] ?? next
    if id == next { places[key] = id }
    ids.append(id)
  }

  /// Adds the groups of rows behind these; a key names the same group in both.
  mutating func append(contentsOf other: RowGroups) {
    let keys = other.places.sorted { $0.value < $1.value }.map(\.key)
    for id in other.ids { append(keys[Int(id)]) }
  }
}

extension Examples {
  /// The rows with a group each: that of their group column, or else that of all rows of the same first text.
  package func grouped() -> Examples {
    guard groups.ids.isEmpty else { return self }
    var copy = self
    for row in 0..<count { copy.join(group: Array(text(row))) }
    return copy
  }

  /// The same with numbers that go on from those of the rows before these.
  package func grouped(behind earlier: inout RowGroups) -> Examples {
    var copy = grouped()
    let first = earlier.ids.count
    earlier.append(contentsOf: copy.groups)
    copy.groups = RowGroups(ids: Array(earlier.ids[first...]))
    return copy
  }

  /// The rows without groups.
  package var ungrouped: Examples {
    var copy = self
    copy.groups = RowGroups()
    return copy
  }

  /// The first row that lacks one of its two texts, from 0; of single texts the first row.
  package var firstWithoutPair: Int? {
    (0..<count).first { row in text(row).isEmpty || pair(row).map(\.isEmpty) ?? true }
  }
}

extension RowGroups {
  /// What is wrong with a row without a group.
  static func missing(_ column: String) -> String {
    "\(column): expected the name of the row's group, found nothing; name one, or leave the row out"
  }
}
