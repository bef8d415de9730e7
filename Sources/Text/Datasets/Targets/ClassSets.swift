import JSON

/// The classes that a row is labelled with, any number of them, as 1 and 0 for each class.
struct ClassSets {
  private let classes: ClassLabels
  /// Whether `-1` and null say that a row has no label. An empty label is the empty set.
  private let allowsNone: Bool

  init(names: [String], allowsNone: Bool, key: String?) {
    classes = ClassLabels(names: names, key: key)
    self.allowsNone = allowsNone
  }

  /// Names or numbers with commas, semicolons or `|` between them.
  func target(of text: String) throws(TargetMismatch) -> Target {
    if allowsNone, text == "-1" { return .none }
    // A name may have a comma in it.
    if let id = try? classes.id(of: text) { return .values(values([id])) }
    var ids: [Int32] = []
    for part in text.split(whereSeparator: { $0 == "," || $0 == ";" || $0 == "|" }) {
      var name = part
      while name.first == " " { name.removeFirst() }
      while name.last == " " { name.removeLast() }
      ids.append(try classes.id(of: String(name)))
    }
    return .values(values(ids))
  }

  func target(of json: JSON?) throws(TargetMismatch) -> Target {
    switch json {
    case .null where allowsNone, nil where allowsNone: return .none
    case .string(let text): return try target(of: text)
    case .array(let list):
      var ids: [Int32] = []
      for element in list { ids.append(try classes.id(of: element)) }
      return .values(values(ids))
    default: return .values(values([try classes.id(of: json)]))
    }
  }

  private func values(_ ids: [Int32]) -> [Float] {
    var values = [Float](repeating: 0, count: classes.names.count)
    for id in ids { values[Int(id)] = 1 }
    return values
  }
}
