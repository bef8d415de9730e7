import JSON

/// What a key's value must be: the words for it in a message, its form, and the ways between a node and the value.
struct Expected<Value> {
  /// After "expected ": `an integer from 1 to 64`.
  let description: String
  let form: ValueForm
  /// The value, or `nil` where the node is something else.
  let read: (ConfigurationNode) -> Value?
  /// The value as a file may hold it: what a default is shown as.
  let json: (Value) -> JSON
  /// The remedy for a particular mistake, after "; ".
  var remedy: (ConfigurationNode) -> String? = { _ in nil }

  func map<Other>(_ transform: @escaping (Value) -> Other, back: @escaping (Other) -> Value) -> Expected<Other> {
    Expected<Other>(
      description: description, form: form, read: { read($0).map(transform) }, json: { json(back($0)) },
      remedy: remedy)
  }

  /// `null`, as `nil`, or what is expected otherwise.
  static func orNull<Wrapped>(_ wrapped: Expected<Wrapped>) -> Expected where Value == Wrapped? {
    Expected(
      description: "\(wrapped.description), or null", form: .orNull(wrapped.form),
      read: { $0.isNull ? .some(nil) : wrapped.read($0).map { .some($0) } },
      json: { $0.map(wrapped.json) ?? .null }, remedy: wrapped.remedy)
  }
}

// MARK: Numbers

extension Expected where Value == Int {
  /// A decimal integer. Every one is bounded, so that sums and products of a few of them cannot overflow.
  static func integer(_ range: ClosedRange<Int>) -> Expected {
    Expected(
      description: "an integer from \(range.lowerBound) to \(range.upperBound)", form: .integer(range),
      read: { node in
        guard case .scalar(let text, isPlain: true) = node.content, isDecimalInteger(text), let value = Int(text),
          range.contains(value)
        else { return nil }
        return value
      },
      json: JSON.integer, remedy: quotedNumberRemedy)
  }
}

extension Expected where Value == Double {
  /// A finite decimal number, with or without a fraction and an exponent: `5e-5` and `5.0e-05` alike.
  private static func number(
    _ description: String, _ bounds: ValueForm.Bounds, where accepts: @escaping (Double) -> Bool
  ) -> Expected {
    Expected(
      description: description, form: .number(bounds),
      read: { node in
        guard case .scalar(let text, isPlain: true) = node.content, isDecimalNumber(text), let value = Double(text),
          value.isFinite, accepts(value)
        else { return nil }
        return value
      },
      json: { value in Int(exactly: value).map(JSON.integer) ?? .number(value) }, remedy: quotedNumberRemedy)
  }

  static func number(above bound: Double, atMost last: Double) -> Expected {
    number(
      "a number above \(plain(bound)), at most \(plain(last))",
      ValueForm.Bounds(lower: bound, includesLower: false, upper: last, includesUpper: true)
    ) { $0 > bound && $0 <= last }
  }

  static func number(above bound: Double, below end: Double) -> Expected {
    number(
      "a number above \(plain(bound)), below \(plain(end))",
      ValueForm.Bounds(lower: bound, includesLower: false, upper: end, includesUpper: false)
    ) { $0 > bound && $0 < end }
  }

  static func number(from first: Double, to last: Double) -> Expected {
    number(
      "a number from \(plain(first)) to \(plain(last))",
      ValueForm.Bounds(lower: first, includesLower: true, upper: last, includesUpper: true)
    ) { $0 >= first && $0 <= last }
  }

  static func number(from first: Double, below bound: Double) -> Expected {
    number(
      "a number from \(plain(first)), below \(plain(bound))",
      ValueForm.Bounds(lower: first, includesLower: true, upper: bound, includesUpper: false)
    ) { $0 >= first && $0 < bound }
  }

  private static func plain(_ number: Double) -> String { Int(exactly: number).map(String.init) ?? "\(number)" }
}

private func isDecimalInteger(_ text: String) -> Bool {
  let digits =
    text.utf8.first == UInt8(ascii: "-") || text.utf8.first == UInt8(ascii: "+") ? text.dropFirst() : text[...]
  guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }) else { return false }
  return digits.utf8.count == 1 || digits.utf8.first != UInt8(ascii: "0")  // 010 is eight to some readers
}

private func isDecimalNumber(_ text: String) -> Bool {
  text.utf8.contains { (48...57).contains($0) }
    && text.utf8.allSatisfy { (48...57).contains($0) || "+-.eE".utf8.contains($0) }
}

private func quotedNumberRemedy(_ node: ConfigurationNode) -> String? {
  guard case .scalar(let text, isPlain: false) = node.content, isDecimalNumber(text) else { return nil }
  return "remove the quotes"
}

// MARK: Words

extension Expected where Value == String {
  /// Text without control characters, not empty. Plain `yes`, `on` and `5` are the text they look like.
  ///
  /// - Parameter form: what the reference calls it.
  static func text(_ description: String, form: ValueForm = .text("path")) -> Expected {
    Expected(
      description: description, form: form,
      read: { node in
        guard case .scalar(let text, _) = node.content, !node.isNull, !text.isEmpty,
          !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { return nil }
        return text
      },
      json: JSON.string,
      remedy: { node in
        if case .scalar(let text, _) = node.content, !text.isEmpty {
          return node.isNull ? "put it in quotes if it is meant as text" : "remove control characters"
        }
        if case .mapping = node.content { return "put text that holds `: ` in quotes" }
        return nil
      })
  }
}

extension Expected where Value == Bool {
  static var boolean: Expected {
    Expected(
      description: "true or false", form: .boolean,
      read: { node in
        guard case .scalar(let text, isPlain: true) = node.content else { return nil }
        return ["true": true, "false": false][text.lowercased()]
      },
      json: JSON.bool,
      remedy: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        switch text.lowercased() {
        case "yes", "on", "y", "1", "true": return "write true"
        case "no", "off", "n", "0", "false": return "write false"
        default: return nil
        }
      })
  }
}

extension Expected where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of an enumeration's words.
  static var choice: Expected { choice(of: Array(Value.allCases)) }

  static func choice(of cases: [Value]) -> Expected {
    let words = cases.map(\.rawValue)
    return Expected(
      description: listed(words), form: .words(words),
      read: { node in
        guard case .scalar(let text, _) = node.content, words.contains(text) else { return nil }
        return Value(rawValue: text)
      },
      json: { .string($0.rawValue) },
      remedy: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        return nearest(to: text, among: words).map { "did you mean \($0)?" }
      })
  }
}

/// `a`, `a or b`, `a, b or c`.
func listed(_ words: [String]) -> String {
  words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1]
}
