/// The members of a JSON object in the order they were written, found by key in constant time.
///
/// Two objects are equal if they hold equal members in the same order.
package struct JSONObject: Sendable, Equatable {
  package private(set) var keys: [String] = []
  package private(set) var values: [JSON] = []
  /// Empty while there are so few keys that looking at each is faster.
  private var places = KeyTable()

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
    left.count == right.count && zip(left.keys, right.keys).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
      && left.values == right.values
  }

  private func place(of key: String) -> Int? {
    keys.count > Self.searchedInOrder
      ? places.place(of: key, in: keys) : keys.firstIndex { $0.utf8.elementsEqual(key.utf8) }
  }

  private mutating func append(_ key: String, _ value: JSON) {
    keys.append(key)
    values.append(value)
    if keys.count > Self.searchedInOrder + 1 {
      _ = places.insert(keys.count - 1, in: keys)
    } else {
      indexKeys()
    }
  }

  private mutating func remove(at place: Int) {
    keys.remove(at: place)
    values.remove(at: place)
    indexKeys()
  }

  private mutating func indexKeys() {
    places = KeyTable()
    guard keys.count > Self.searchedInOrder else { return }
    for place in keys.indices { _ = places.insert(place, in: keys) }
  }
}

extension JSONObject: Sequence {
  package func makeIterator() -> some IteratorProtocol<(key: String, value: JSON)> {
    zip(keys, values).lazy.map { (key: $0, value: $1) }.makeIterator()
  }
}
