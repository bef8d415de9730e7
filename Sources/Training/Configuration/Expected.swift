/// What a key's value must be: the words for it in a message, and the way from a node to the value.
struct Expected<Value> {
  /// After "expected ": `an integer from 1 to 64`.
  let description: String
  /// The value, or `nil` where the node is something else.
  let read: (ConfigurationNode) -> Value?
  /// The remedy for a particular mistake, after "; ".
  var remedy: (ConfigurationNode) -> String? = { _ in nil }

  func map<Other>(_ transform: @escaping (Value) -> Other) -> Expected<Other> {
    Expected<Other>(description: description, read: { read($0).map(transform) }, remedy: remedy)
  }

  /// `null`, as `nil`, or what is expected otherwise.
  static func orNull<Wrapped>(_ wrapped: Expected<Wrapped>) -> Expected where Value == Wrapped? {
    Expected(
      description: "\(wrapped.description), or null",
      read: { $0.isNull ? .some(nil) : wrapped.read($0).map { .some($0) } }, remedy: wrapped.remedy)
  }
}

// MARK: Numbers

extension Expected where Value == Int {
  /// A decimal integer. Every one is bounded, so that sums and products of a few of them cannot overflow.
  static func integer(_ range: ClosedRange<Int>) -> Expected {
    Expected(
      description: "an integer from \(range.lowerBound) to \(range.upperBound)",
      read: { node in
        guard case .scalar(let text, isPlain: true) = node.content, isDecimalInteger(text), let value = Int(text),
          range.contains(value)
        else { return nil }
        return value
      },
      remedy: quotedNumberRemedy)
  }
}

extension Expected where Value == Double {
  /// A finite decimal number, with or without a fraction and an exponent: `5e-5` and `5.0e-05` alike.
  private static func number(_ description: String, where accepts: @escaping (Double) -> Bool) -> Expected {
    Expected(
      description: description,
      read: { node in
        guard case .scalar(let text, isPlain: true) = node.content, isDecimalNumber(text), let value = Double(text),
          value.isFinite, accepts(value)
        else { return nil }
        return value
      },
      remedy: quotedNumberRemedy)
  }

  static func number(above bound: Double, atMost last: Double) -> Expected {
    number("a number above \(plain(bound)), at most \(plain(last))") { $0 > bound && $0 <= last }
  }

  static func number(from first: Double, to last: Double) -> Expected {
    number("a number from \(plain(first)) to \(plain(last))") { $0 >= first && $0 <= last }
  }

  static func number(from first: Double, below bound: Double) -> Expected {
    number("a number from \(plain(first)), below \(plain(bound))") { $0 >= first && $0 < bound }
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
  static func text(_ description: String) -> Expected {
    Expected(
      description: description,
      read: { node in
        guard case .scalar(let text, _) = node.content, !node.isNull, !text.isEmpty,
          !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { return nil }
        return text
      },
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
      description: "true or false",
      read: { node in
        guard case .scalar(let text, isPlain: true) = node.content else { return nil }
        return ["true": true, "false": false][text.lowercased()]
      },
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
      description: listed(words),
      read: { node in
        guard case .scalar(let text, _) = node.content, words.contains(text) else { return nil }
        return Value(rawValue: text)
      },
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
