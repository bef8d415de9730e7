/// The members of a JSON object in the order they were written, found by key in constant time.
///
/// Two objects are equal if they hold equal members in the same order.
package struct JSONObject: Sendable, Equatable {
  package private(set) var keys: [String] = []
  package private(set) var values: [JSON] = []
  /// Places of the keys. Empty while there are so few that looking at each is faster.
  private var places: [CodeUnits: Int] = [:]

  private static let searchedInOrder = 8

  package init() {}

  /// Of members with the same key the last is kept.
  package init(_ members: KeyValuePairs<String, JSON>) {
    for (key, value) in members { self[key] = value }
  }

  package var count: Int { keys.count }
  package var isEmpty: Bool { keys.isEmpty }

  /// Setting an existing key keeps its place; setting `nil` removes the member, in linear time.
  package subscript(key: String) -> JSON? {
    get { place(of: key).map { values[$0] } }
    set {
      switch (place(of: key), newValue) {
      case (let place?, let value?): values[place] = value
      case (let place?, nil): remove(at: place)
      case (nil, let value?): append(key, value)
      case (nil, nil): break
      }
    }
  }

  /// Adds a member unless its key is taken.
  /// - Returns: Whether it was added.
  package mutating func insert(_ key: String, _ value: JSON) -> Bool {
    guard place(of: key) == nil else { return false }
    append(key, value)
    return true
  }

  package static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.count == right.count && zip(left.keys, right.keys).allSatisfy { CodeUnits($0) == CodeUnits($1) }
      && left.values == right.values
  }

  private func place(of key: String) -> Int? {
    if places.isEmpty {
      keys.firstIndex { CodeUnits($0) == CodeUnits(key) }
    } else {
      places[CodeUnits(key)]
    }
  }

  private mutating func append(_ key: String, _ value: JSON) {
    if !places.isEmpty {
      places[CodeUnits(key)] = keys.count
    } else if keys.count == Self.searchedInOrder {
      for (place, earlier) in keys.enumerated() { places[CodeUnits(earlier)] = place }
      places[CodeUnits(key)] = keys.count
    }
    keys.append(key)
    values.append(value)
  }

  private mutating func remove(at place: Int) {
    keys.remove(at: place)
    values.remove(at: place)
    guard !places.isEmpty else { return }
    places.removeAll()
    guard keys.count > Self.searchedInOrder else { return }
    for (place, key) in keys.enumerated() { places[CodeUnits(key)] = place }
  }
}

extension JSONObject: Sequence {
  package func makeIterator() -> some IteratorProtocol<(key: String, value: JSON)> {
    zip(keys, values).lazy.map { (key: $0, value: $1) }.makeIterator()
  }
}

/// A string that is hashed and compared by its UTF-8, where `String` equates composed and decomposed letters.
private struct CodeUnits: Hashable {
  private let string: String

  init(_ string: String) { self.string = string }

  static func == (left: CodeUnits, right: CodeUnits) -> Bool {
    left.string.utf8.elementsEqual(right.string.utf8)
  }

  func hash(into hasher: inout Hasher) {
    let hashed: Void? = string.utf8.withContiguousStorageIfAvailable {
      hasher.combine(bytes: UnsafeRawBufferPointer($0))
    }
    if hashed == nil { for unit in string.utf8 { hasher.combine(unit) } }
    // So that the bytes, which may be fed in pieces, end unambiguously.
    hasher.combine(0xff as UInt8)
  }
}
