/// A JSON value (RFC 8259).
///
/// Strings and keys are compared by their code units, not by Unicode canonical equivalence: a vocabulary may hold both
/// the composed and the decomposed form of a word as two tokens.
package enum JSON: Sendable {
  case null
  case bool(Bool)
  /// A number written without fraction and exponent that fits in 64 bits.
  case integer(Int)
  /// Any other number. Writing a NaN or an infinity, which JSON lacks, gives `null`.
  case number(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)
}

// MARK: Access

extension JSON {
  package var isNull: Bool {
    if case .null = self { true } else { false }
  }

  package var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// The number if it is integral: `3`, and also `3.0`.
  package var int: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  package var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  package var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  package var array: [JSON]? {
    if case .array(let values) = self { values } else { nil }
  }

  package var object: JSONObject? {
    if case .object(let members) = self { members } else { nil }
  }

  /// The member of an object; `nil` if there is none or this is no object. A member that is `null` is `.null`.
  package subscript(key: String) -> JSON? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  /// What this is, in words for an error message: `an object`, `integer 3`, `string "swish"`.
  package var summary: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "integer \(value)"
    case .number(let value): "number \(value)"
    case .string(let value): "string \(value.quoted)"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

// MARK: Conformances

extension JSON: Equatable {
  package static func == (left: JSON, right: JSON) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }
}

extension JSON: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(integerLiteral value: Int) { self = .integer(value) }
  package init(floatLiteral value: Double) { self = .number(value) }
  package init(stringLiteral value: String) { self = .string(value) }
  package init(arrayLiteral elements: JSON...) { self = .array(elements) }
  /// Of members with the same key the last is kept.
  package init(dictionaryLiteral elements: (String, JSON)...) {
    var members = JSONObject()
    for (key, value) in elements { members[key] = value }
    self = .object(members)
  }
}
