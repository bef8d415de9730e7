import JSON

/// The classes of a task, and how a file names them: by name, or by number from 0.
struct ClassLabels {
  let names: [String]
  /// Whether an empty label, -1 and null say that a row has none.
  let allowsNone: Bool
  private let places: KeyTable

  init(names: [String], allowsNone: Bool = false) {
    self.names = names
    self.allowsNone = allowsNone
    var places = KeyTable()
    for place in names.indices { _ = places.insert(place, in: names) }
    self.places = places
  }

  /// The class that a file calls `text`. A name counts before a number, should classes be called `1` and `0`.
  func id(of text: String) throws(Mismatch) -> Int32 {
    if let id = places.place(of: text, in: names) { return Int32(id) }
    if text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let id = Int(text),
      names.indices.contains(id)
    {
      return Int32(id)
    }
    if allowsNone, text.isEmpty || text == "-1" { return -1 }
    throw Mismatch(expected: expected, found: text.quoted)
  }

  func id(of json: JSON?) throws(Mismatch) -> Int32 {
    switch json {
    case .string(let text): return try id(of: text)
    case .integer(let number): return try id(of: String(number))
    case .null where allowsNone, nil where allowsNone: return -1
    default: throw Mismatch(expected: expected, found: json?.summary ?? "nothing")
    }
  }

  struct Mismatch: Error, CustomStringConvertible {
    let expected: String
    let found: String

    var description: String { "expected \(expected), found \(found)" }
  }

  private var expected: String {
    classes + (allowsNone ? ", or for none an empty label, -1 or null" : "")
  }

  private var classes: String {
    guard names.count > 1 else { return "0" + (names.first.map { " or \($0.escapedForDisplay)" } ?? "") }
    let shown = names.prefix(20).map(\.escapedForDisplay).joined(separator: ", ")
    return "0…\(names.count - 1) or one of \(shown)\(names.count > 20 ? ", …" : "")"
  }
}
