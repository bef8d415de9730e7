extension StringProtocol {
  /// This text in quotes, safe to show in a terminal or a log: control, bidirectional and line-separating characters
  /// are escaped, and a long text is cut.
  package var quoted: String { "\"\(escapedForDisplay)\"" }

  /// As `quoted`, without the quotes: for paths and keys in messages.
  package var escapedForDisplay: String {
    let longest = 200
    var out = ""
    for (index, scalar) in unicodeScalars.enumerated() {
      if index == longest { return out + "…" }
      switch scalar {
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      case "\r": out += "\\r"
      default:
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
          out += "\\u{\(String(scalar.value, radix: 16))}"
        default: out.unicodeScalars.append(scalar)
        }
      }
    }
    return out
  }
}
