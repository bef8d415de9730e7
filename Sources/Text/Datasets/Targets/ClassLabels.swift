import JSON

/// The classes of a task, and how a file names them: by name, or by number from 0.
struct ClassLabels {
  let names: [String]
  /// Whether an empty label, -1 and null say that a row has none.
  let allowsNone: Bool
  /// The key that names the classes, for remedies.
  private let key: String?
  private let places: KeyTable
  /// Names in small letters, of classes that no other has.
  private let loosePlaces: [String: Int]

  init(names: [String], allowsNone: Bool = false, key: String? = nil) {
    self.names = names
    self.allowsNone = allowsNone
    self.key = key
    var places = KeyTable()
    for place in names.indices { _ = places.insert(place, in: names) }
    self.places = places
    loosePlaces = Dictionary(names.enumerated().map { (ClassMatch.letters($1), $0) }) { _, _ in -1 }
      .filter { $0.value >= 0 }
  }

  /// The class that a file calls `text`. A name counts before a number, should classes be called `1` and `0`.
  func id(of text: String) throws(TargetMismatch) -> Int32 {
    if let id = places.place(of: text, in: names) { return Int32(id) }
    let number = Int(text)
    if let number, names.indices.contains(number), text.utf8.allSatisfy(isDigit) { return Int32(number) }
    if number == nil, let id = loosePlaces[ClassMatch.letters(text)] { return Int32(id) }
    if allowsNone, text.isEmpty || text == "-1" { return -1 }
    throw TargetMismatch(expected: expected, found: text.quoted, remedy: remedy(text, number))
  }

  func id(of json: JSON?) throws(TargetMismatch) -> Int32 {
    switch json {
    case .string(let text): return try id(of: text)
    case .integer(let number): return try id(of: String(number))
    case .null where allowsNone, nil where allowsNone: return -1
    case .number, .bool:
      let text = json?.text() ?? ""
      throw TargetMismatch(expected: expected, found: json?.summary ?? "nothing", remedy: remedy(text, nil))
    default: throw TargetMismatch(expected: expected, found: json?.summary ?? "nothing", remedy: Self.noLabel)
    }
  }

  private var expected: String {
    classes + (allowsNone ? ", or for none an empty label, -1 or null" : "")
  }

  private var classes: String {
    guard names.count > 1 else { return "0" + (names.first.map { " or \($0.escapedForDisplay)" } ?? "") }
    let shown = names.prefix(20).map(\.escapedForDisplay).joined(separator: ", ")
    return "0…\(names.count - 1) or one of \(shown)\(names.count > 20 ? ", …" : "")"
  }

  // MARK: Remedies

  private static let noLabel = "give the row a label, or leave it out"

  /// What to do about a label that is no class.
  private func remedy(_ text: String, _ number: Int?) -> String? {
    let word = text.lowercased()
    if number == -1 { return "-1 marks rows whose label is not published; leave them out, or take another split" }
    if let number, number >= names.count, let key, ClassMatch.areUnnamed(names) { return "name the classes in \(key)" }
    if number == names.count { return "labels count from 0; subtract 1 if the file counts from 1" }
    if number != nil { return key.map { "is a class missing in \($0)?" } }
    if !word.isEmpty, word.utf8.allSatisfy(isDigit) { return "labels are whole numbers from 0" }
    if word.isEmpty || ["nan", "none", "null", "na", "n/a", "<na>"].contains(word) { return Self.noLabel }
    if let value = Double(text), let whole = Int(exactly: value) {
      return names.indices.contains(whole)
        ? "write \(whole), as a whole number (in pandas: .astype(int))" : "labels are whole numbers from 0"
    }
    if Double(text) != nil { return "scores are not classes; give the rows whole numbers or names" }
    if word == "true" || word == "false" { return "write \(word == "true" ? 1 : 0)" }
    return key.map {
      ClassMatch.areUnnamed(names) ? "name the classes in \($0)" : "correct the label, or name the classes in \($0)"
    }
  }

  // MARK: mapping.txt

  /// The classes that a `mapping.txt` names: a line for each, of its number, a tab and its name.
  static func mapping(in path: String) throws(DatasetError) -> [String] {
    let file = try DatasetText(path: path)
    var names: [String] = []
    try file.forEachLine(of: file.bytes) { line, text throws(DatasetError) in
      guard !text.isBlank else { return }
      let fields = text.withoutCarriageReturn.split(separator: UInt8(ascii: "\t"))
      guard fields.count >= 2, fields[0].text == "\(names.count)", !names.contains(fields[1].text) else {
        throw DatasetError(
          path, line: line, "expected \(names.count), a tab and the name of a class, found \(text.text.quoted)")
      }
      names.append(fields[1].text)
    }
    return names
  }
}

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
