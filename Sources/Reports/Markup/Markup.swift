/// A piece of HTML. What stands in the program is taken as it is; text that is interpolated is escaped, so that nothing
/// from data or configurations can become a tag.
struct Markup: Sendable, ExpressibleByStringInterpolation {
  private(set) var text: String

  init(stringLiteral literal: String) { text = literal }
  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ literal: String) { text += literal }
    mutating func appendInterpolation(_ value: String) { text += value.escapedForHTML }
    mutating func appendInterpolation(_ value: Int) { text += "\(value)" }
    mutating func appendInterpolation(_ value: Markup) { text += value.text }
    mutating func appendInterpolation(_ values: [Markup]) { for value in values { text += value.text } }
    mutating func appendInterpolation(_ value: Markup?) { if let value { text += value.text } }
  }

  static func + (left: Markup, right: Markup) -> Markup {
    var sum = left
    sum.text += right.text
    return sum
  }

  /// A length in a picture: `12.5`.
  static func length(_ value: Double) -> Markup { "\(tenths(value))" }

  private static func tenths(_ value: Double) -> String {
    guard value.isFinite, let scaled = Int(exactly: (value * 10).rounded()) else { return "0" }
    let digits = "\(scaled.magnitude / 10)" + (scaled % 10 == 0 ? "" : ".\(scaled.magnitude % 10)")
    return scaled < 0 ? "-\(digits)" : digits
  }
}

extension String {
  /// Text for an element or an attribute's value. Control, bidirectional and line-separating characters become visible
  /// escapes; joiners stay, as emoji and several scripts need them.
  fileprivate var escapedForHTML: String {
    var out = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      case "\n", "\t", "\u{200c}", "\u{200d}": out.unicodeScalars.append(scalar)
      default:
        let isHarmful =
          switch scalar.properties.generalCategory {
          case .control, .format, .lineSeparator, .paragraphSeparator: true
          default: scalar.properties.isNoncharacterCodePoint
          }
        if isHarmful {
          out += "\\u{\(String(scalar.value, radix: 16))}"
        } else {
          out.unicodeScalars.append(scalar)
        }
      }
    }
    return out
  }
}
