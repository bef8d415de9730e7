import JSON

/// Writes the members that a family visits, keeping the others and the order of what is there.
final class JSONMemberWriter: ConfigurationMembers {
  private(set) var members: JSONObject

  /// - Parameter members: what is there.
  init(_ members: JSONObject) { self.members = members }

  func integer(_ key: String, _ value: inout Int, in range: ClosedRange<Int>, _ meaning: String) {
    members[key] = .integer(value)
  }

  func probability(_ key: String, _ value: inout Float, _ meaning: String) { members.set(key, value) }

  func probabilityOrNull(_ key: String, _ value: inout Float?, _ meaning: String) {
    if let value { members.set(key, value) } else { members[key] = .null }
  }

  func fraction(_ key: String, _ value: inout Float, _ meaning: String) { members.set(key, value) }

  func number(_ keys: [String], _ value: inout Float, _ meaning: String) { members.set(keys[...], value) }

  func words<Value: RawRepresentable & CaseIterable & Sendable>(
    _ key: String, _ values: inout [Value], _ meaning: String
  ) where Value.RawValue == String {
    let words = values.map(\.rawValue)
    if let text = members[key]?.string, text.split(separator: "|").map(String.init) == words { return }
    members[key] = .array(words.map(JSON.string))
  }

  func flag(_ key: String, _ value: inout Bool, _ meaning: String) { members[key] = .bool(value) }

  func choice<Value: RawRepresentable & CaseIterable & Sendable>(
    _ key: String, _ value: inout Value, _ meaning: String
  ) where Value.RawValue == String {
    members[key] = .string(value.rawValue)
  }

  /// What is absent means the one position. What is there has been read as it, but follows from members that may have
  /// changed, as a pooler's size from the encoder's.
  func only(_ keys: [String], _ value: JSON, remedy: String) { members.replace(keys[...], by: value) }
}

extension JSONObject {
  /// Leaves out what is not there.
  fileprivate mutating func replace(_ keys: ArraySlice<String>, by value: JSON) {
    guard let first = keys.first, let old = self[first] else { return }
    guard keys.count > 1 else {
      if old != value { self[first] = value }
      return
    }
    guard var inner = old.object else { return }
    inner.replace(keys.dropFirst(), by: value)
    self[first] = .object(inner)
  }

  fileprivate mutating func set(_ keys: ArraySlice<String>, _ value: Float) {
    guard let first = keys.first else { return }
    guard keys.count > 1 else { return set(first, value) }
    var inner = self[first]?.object ?? JSONObject()
    inner.set(keys.dropFirst(), value)
    self[first] = .object(inner)
  }

  /// Sets a number in the digits of its 32 bits, and leaves one that means the same as it is written.
  fileprivate mutating func set(_ key: String, _ value: Float) {
    if let old = self[key]?.double, Float(old) == value { return }
    self[key] = .number(Double(value.description) ?? Double(value))
  }
}
