import JSON

/// Several of the named classes: any number that a row is labelled with, or a tag for each of its words.
struct ClassLists {
  enum Meaning {
    /// 1 and 0 for each class.
    case set
    case tagOfEachWord
  }

  private let classes: ClassLabels
  private let meaning: Meaning
  /// Whether null, and of sets `-1`, say that a row has no label. An empty label is the empty list.
  private let allowsNone: Bool

  init(names: [String], meaning: Meaning, allowsNone: Bool, key: String?) {
    classes = ClassLabels(names: names, key: key)
    self.meaning = meaning
    self.allowsNone = allowsNone
  }

  /// Names or numbers: of tags with blanks between them, of a set with commas, semicolons or `|`.
  func target(of text: String) throws(TargetMismatch) -> Target {
    var ids: [Int32] = []
    switch meaning {
    case .tagOfEachWord:
      for part in text.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
        ids.append(try classes.id(of: String(part)))
      }
    case .set:
      if allowsNone, text == "-1" { return .none }
      // A name may have a comma in it.
      if let id = try? classes.id(of: text) { return target([id]) }
      for part in text.split(whereSeparator: { $0 == "," || $0 == ";" || $0 == "|" }) {
        var name = part
        while name.first == " " { name.removeFirst() }
        while name.last == " " { name.removeLast() }
        ids.append(try classes.id(of: String(name)))
      }
    }
    return target(ids)
  }

  func target(of json: JSON?) throws(TargetMismatch) -> Target {
    switch json {
    case .null where allowsNone, nil where allowsNone: return .none
    case .string(let text): return try target(of: text)
    case .array(let list):
      var ids: [Int32] = []
      for element in list { ids.append(try classes.id(of: element)) }
      return target(ids)
    default:
      if case .set = meaning { return target([try classes.id(of: json)]) }
      throw TargetMismatch(
        expected: "a list of tags", found: json?.summary ?? "nothing", remedy: "give each word of the row a tag")
    }
  }

  private func target(_ ids: [Int32]) -> Target {
    guard case .set = meaning else { return .tags(ids) }
    var values = [Float](repeating: 0, count: classes.names.count)
    for id in ids { values[Int(id)] = 1 }
    return .values(values)
  }
}
