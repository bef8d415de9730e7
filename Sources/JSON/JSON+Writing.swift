extension JSON {
  package enum Style: Sendable {
    /// One line without spaces.
    case compact
    /// Two spaces a level, as Hugging Face writes its files.
    case pretty
  }

  /// This value as JSON text.
  ///
  /// Doubles are written with the fewest digits that read back as the same double. A NaN or an infinity becomes `null`,
  /// so that one bad metric cannot cost a run its log.
  package func text(_ style: Style = .compact) -> String { String(decoding: bytes(style), as: UTF8.self) }

  /// This value as JSON text in UTF-8.
  package func bytes(_ style: Style = .compact) -> [UInt8] {
    var out: [UInt8] = []
    write(to: &out, style, depth: 0)
    return out
  }

  private func write(to out: inout [UInt8], _ style: Style, depth: Int) {
    switch self {
    case .null: out += "null".utf8
    case .bool(let value): out += (value ? "true" : "false").utf8
    case .integer(let value): out += String(value).utf8
    case .number(let value): out += (value.isFinite ? value.description : "null").utf8
    case .string(let value): Self.writeString(value, to: &out)
    case .array(let elements):
      out.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        Self.startItem(index, to: &out, style, depth: depth + 1)
        element.write(to: &out, style, depth: depth + 1)
      }
      if style == .pretty && !elements.isEmpty { Self.startLine(to: &out, depth: depth) }
      out.append(UInt8(ascii: "]"))
    case .object(let members):
      out.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        Self.startItem(index, to: &out, style, depth: depth + 1)
        Self.writeString(member.key, to: &out)
        out += (style == .pretty ? ": " : ":").utf8
        member.value.write(to: &out, style, depth: depth + 1)
      }
      if style == .pretty && !members.isEmpty { Self.startLine(to: &out, depth: depth) }
      out.append(UInt8(ascii: "}"))
    }
  }

  private static func startItem(_ index: Int, to out: inout [UInt8], _ style: Style, depth: Int) {
    if index > 0 { out.append(UInt8(ascii: ",")) }
    if style == .pretty { startLine(to: &out, depth: depth) }
  }

  private static func startLine(to out: inout [UInt8], depth: Int) {
    out.append(UInt8(ascii: "\n"))
    out.append(contentsOf: repeatElement(0x20, count: 2 * depth))
  }

  private static func writeString(_ string: String, to out: inout [UInt8]) {
    var string = string
    out.append(UInt8(ascii: "\""))
    string.withUTF8 { units in
      // Where what needs no escape begins.
      var plain = units.startIndex
      for (index, unit) in units.enumerated() where needsEscape(unit, at: index, in: units) {
        // U+0080–U+009F, of which U+009B steers some terminals as an escape does, are two bytes.
        out += units[plain..<(unit >= 0x80 ? index - 1 : index)]
        writeEscape(unit, to: &out)
        plain = index + 1
      }
      out += units[plain...]
    }
    out.append(UInt8(ascii: "\""))
  }

  private static func needsEscape(_ unit: UInt8, at index: Int, in units: UnsafeBufferPointer<UInt8>) -> Bool {
    switch unit {
    case 0..<0x20, 0x7f, UInt8(ascii: "\""), UInt8(ascii: "\\"): true
    case 0x80..<0xa0: index > 0 && units[index - 1] == 0xc2
    default: false
    }
  }

  private static func writeEscape(_ unit: UInt8, to out: inout [UInt8]) {
    switch unit {
    case UInt8(ascii: "\""): out += "\\\"".utf8
    case UInt8(ascii: "\\"): out += "\\\\".utf8
    case 0x0a: out += "\\n".utf8
    case 0x0d: out += "\\r".utf8
    case 0x09: out += "\\t".utf8
    default:
      let digits = String(unit, radix: 16)
      out += "\\u".utf8
      out.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
      out += digits.utf8
    }
  }
}
