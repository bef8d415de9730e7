/// Writes mappings in block style, one key a line, that YAML 1.1 and 1.2 readers understand alike.
struct YAMLWriter {
  private(set) var text = ""
  private var indent = ""
  /// What the next line starts with in place of its indent: a list's dash.
  private var opening: String?

  private mutating func line(_ content: String) {
    text += (opening ?? indent) + content + "\n"
    opening = nil
  }

  // MARK: Keys

  /// Writes a value that is YAML already.
  mutating func write(_ key: String, flow: String) { line("\(Self.scalar(key)): \(flow)") }
  mutating func write(_ key: String, _ value: String) { write(key, flow: Self.scalar(value)) }
  mutating func write(_ key: String, flag: Bool) { write(key, flow: flag ? "true" : "false") }
  mutating func write(_ key: String, number: some BinaryInteger) { write(key, flow: "\(number)") }
  mutating func write(_ key: String, number: Int?) { write(key, flow: number.map { "\($0)" } ?? "null") }
  mutating func write(_ key: String, number: Double) { write(key, flow: Self.number(number)) }
  mutating func write(_ key: String, number: Double?) { write(key, flow: number.map(Self.number) ?? "null") }
  mutating func write(_ key: String, number: Float) { write(key, flow: Self.number(number)) }
  mutating func write(_ key: String, number: Float?) { write(key, flow: number.map(Self.number) ?? "null") }

  mutating func section(_ key: String, _ body: (inout YAMLWriter) -> Void) {
    line("\(key):")
    indented(body)
  }

  mutating func list<Element>(_ key: String, _ elements: [Element], _ body: (Element, inout YAMLWriter) -> Void) {
    guard !elements.isEmpty else { return write(key, flow: "[]") }
    line("\(key):")
    for element in elements {
      opening = indent + "  - "
      indented { $0.indented { body(element, &$0) } }
    }
  }

  private mutating func indented(_ body: (inout YAMLWriter) -> Void) {
    indent += "  "
    body(&self)
    indent.removeLast(2)
  }

  // MARK: Values

  static func list(_ values: [String]) -> String { "[\(values.joined(separator: ", "))]" }

  /// `5.0e-05` rather than `5e-05`, which YAML 1.1 readers take for text.
  static func number(_ number: some BinaryFloatingPoint & LosslessStringConvertible) -> String {
    let digits = number.description
    guard let exponent = digits.firstIndex(of: "e"), !digits.contains(".") else { return digits }
    return digits[..<exponent] + ".0" + digits[exponent...]
  }

  /// Text, in quotes wherever some reader could take it for anything else.
  static func scalar(_ text: String) -> String {
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
    let isPlain =
      text.utf8.allSatisfy(isWordByte) && !words.contains(text.lowercased())
      && (text.utf8.first.map(isLetter) == true || ["/", "./", "../"].contains(where: text.hasPrefix))
    return isPlain ? text : doubleQuoted(text)
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte & ~32) }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    isLetter(byte) || (48...57).contains(byte) || "_-./".utf8.contains(byte)
  }

  private static func doubleQuoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22, 0x5C: result += "\\\(scalar)"
      case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF:
        result.unicodeScalars.append(scalar)
      default:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    return result + "\""
  }
}
