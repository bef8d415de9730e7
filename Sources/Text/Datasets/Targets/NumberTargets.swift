import JSON

/// The numbers that a row is labelled with: one, or a list of as many as are named.
struct NumberTargets {
  let names: [String]
  /// Whether they are to be from 0 to 1.
  let areShares: Bool
  /// Whether an empty label and null say that a row has none.
  let allowsNone: Bool

  /// `3.5`; several as `[3.5, 1]`, or with blanks or semicolons between them.
  func target(of text: String) throws(TargetMismatch) -> Target {
    if text.isEmpty, allowsNone { return .none }
    var list = text[...]
    if names.count > 1, list.hasPrefix("["), list.hasSuffix("]") { list = list.dropFirst().dropLast() }
    let fields = names.count == 1 ? [list] : list.split { $0 == " " || $0 == ";" || $0 == "," || $0 == "\t" }
    var values: [Float] = []
    for field in fields {
      guard let value = Double(field).flatMap(number) else { throw mismatch(text.quoted) }
      values.append(value)
    }
    guard values.count == names.count else { throw mismatch("\(values.count) in \(text.quoted)") }
    return .values(values)
  }

  func target(of json: JSON?) throws(TargetMismatch) -> Target {
    switch json {
    case .null where allowsNone, nil where allowsNone: return .none
    case .string(let text): return try target(of: text)
    case .array(let list):
      guard list.count == names.count else { throw mismatch("a list of \(list.count)") }
      var values: [Float] = []
      for number in list {
        guard let value = number.double.flatMap(self.number) else { throw mismatch("a list with \(number.summary)") }
        values.append(value)
      }
      return .values(values)
    default:
      guard names.count == 1, let value = json?.double.flatMap(number) else {
        throw mismatch(json?.summary ?? "nothing")
      }
      return .values([value])
    }
  }

  private func number(_ number: Double) -> Float? {
    let value = Float(number)
    return value.isFinite && (!areShares || (0...1).contains(value)) ? value : nil
  }

  private func mismatch(_ found: String) -> TargetMismatch {
    let (one, several) =
      areShares ? ("a number from 0 to 1", "numbers from 0 to 1") : ("a finite number", "finite numbers")
    let expected = names.count == 1 ? one : "\(names.count) \(several), one for each of \(shownNames)"
    return TargetMismatch(
      expected: expected + (allowsNone ? ", or for none an empty label or null" : ""), found: found,
      remedy: areShares
        ? "divide all scores by the highest, or set task.loss: mse, which takes any"
        : "give the row \(names.count == 1 ? "a score" : "as many scores"), or leave it out")
  }

  private var shownNames: String {
    names.prefix(10).map(\.escapedForDisplay).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
  }
}
