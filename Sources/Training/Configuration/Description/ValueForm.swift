import JSON

/// The form of a key's value: what its JSON Schema and its type in the reference follow from.
indirect enum ValueForm: Sendable {
  case integer(ClosedRange<Int>)
  case number(Bounds)
  case boolean
  /// Text, by a word for what it is: `path`.
  case text(String)
  /// Text that may look like a number or a truth value, as names of classes do.
  case label(String)
  case words([String])
  case list(of: ValueForm, count: ClosedRange<Int>)
  case either([ValueForm])
  case null
  /// The keys below it follow; nothing at all is a mapping without keys.
  case mapping
  /// A mapping from names that are the user's own.
  case map(of: ValueForm)
  /// Any value.
  case any
  /// One of the keys below it: its name alone, or as the only key of a mapping.
  case named

  struct Bounds: Sendable {
    let lower: Double
    let includesLower: Bool
    let upper: Double
    let includesUpper: Bool
  }

  static func orNull(_ form: ValueForm) -> ValueForm {
    if case .either(let forms) = form { return .either(forms + [.null]) }
    return .either([form, .null])
  }
}

// MARK: JSON Schema

extension ValueForm {
  /// As JSON Schema (draft 2020-12).
  ///
  /// - Parameters:
  ///   - keys: the schemas of the keys below it.
  ///   - required: those of them that must be there.
  func schema(keys: JSONObject, required: [String]) -> JSONObject {
    switch self {
    case .integer(let range):
      JSONObject(["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)])
    case .number(let bounds):
      JSONObject([
        "type": "number",
        bounds.includesLower ? "minimum" : "exclusiveMinimum": bounds.lower.json,
        bounds.includesUpper ? "maximum" : "exclusiveMaximum": bounds.upper.json,
      ])
    case .boolean: JSONObject(["type": "boolean"])
    case .text: JSONObject(["type": "string", "minLength": 1])
    case .label: JSONObject(["type": ["string", "number", "boolean"]])
    case .words(let words): JSONObject(["enum": .array(words.map(JSON.string))])
    case .list(let form, let count): Self.list(of: .object(form.schema(keys: keys, required: required)), count)
    case .either(let forms):
      forms.reduce(into: JSONObject()) { merged, form in merged.formUnion(form.schema(keys: keys, required: required)) }
    case .null: JSONObject(["type": "null"])
    case .mapping:
      Self.object(["object", "null"], keys, required)
    case .map(let form):
      JSONObject(["type": "object", "additionalProperties": .object(form.schema(keys: keys, required: required))])
    case .any: JSONObject()
    case .named:
      JSONObject([
        "anyOf": [
          ["enum": .array(keys.keys.map(JSON.string))],
          .object(Self.object("object", keys, required).with("minProperties", 1).with("maxProperties", 1)),
        ]
      ])
    }
  }

  private static func object(_ type: JSON, _ keys: JSONObject, _ required: [String]) -> JSONObject {
    let schema = JSONObject(["type": type, "properties": .object(keys), "additionalProperties": false])
    return required.isEmpty ? schema : schema.with("required", .array(required.map(JSON.string)))
  }

  private static func list(of items: JSON, _ count: ClosedRange<Int>) -> JSONObject {
    var schema = JSONObject(["type": "array", "items": items])
    if count.lowerBound > 0 { schema["minItems"] = .integer(count.lowerBound) }
    if count.upperBound < .max { schema["maxItems"] = .integer(count.upperBound) }
    return schema
  }
}

extension JSONObject {
  fileprivate func with(_ key: String, _ value: JSON) -> JSONObject {
    var changed = self
    changed[key] = value
    return changed
  }

  /// Makes this accept what `other` accepts too, in the shortest way that editors show well.
  fileprivate mutating func formUnion(_ other: JSONObject) {
    guard !isEmpty else {
      self = other
      return
    }
    let isNull = other["type"]?.string == "null"
    if let words = self["enum"]?.array, let more = isNull ? [.null] : other["enum"]?.array {
      self["enum"] = .array(words + more)
    } else if let type = self["type"], isNull {
      let types = type.array ?? [type]
      self["type"] = .array(types.contains(.string("null")) ? types : types + ["null"])
    } else if let alternatives = self["anyOf"]?.array {
      self["anyOf"] = .array(alternatives + [.object(other)])
    } else {
      self = JSONObject(["anyOf": [.object(self), .object(other)]])
    }
  }
}

extension Double {
  fileprivate var json: JSON { Int(exactly: self).map(JSON.integer) ?? .number(self) }
}

// MARK: The reference

extension ValueForm {
  /// The least bound that is there to refuse mistakes, and tells a reader nothing.
  private static let sanityBound = 1_000_000
  /// More words than a table's cell can hold; the text around it lists them.
  private static let mostShown = 8

  /// As a reader of the reference sees it: `integer ≥ 1`, `number in [0, 1)`, `` `min`, `max` ``.
  var words: String {
    switch self {
    case .integer(let range):
      range.upperBound >= Self.sanityBound
        ? "integer ≥ \(range.lowerBound)" : "integer from \(range.lowerBound) to \(range.upperBound)"
    case .number(let bounds): bounds.words
    case .boolean: "boolean"
    case .text(let word), .label(let word): word
    case .words(let words): words.count > Self.mostShown ? "name" : words.map { "`\($0)`" }.joined(separator: ", ")
    case .list(let form, let count):
      count == 2...2 ? "two \(form.plural)" : "list of \(form.plural)"
    case .either(let forms): listed(forms.map(\.words))
    case .null: "null"
    case .mapping: "mapping"
    case .map: "mapping"
    case .any: "any value"
    case .named: "adaptors"
    }
  }
}

extension ValueForm {
  private var plural: String {
    switch self {
    case .integer, .number:
      words.replacing(#/^(integer|number)/#) { "\($0.output.1)s" }
    default: words
    }
  }
}

extension ValueForm.Bounds {
  fileprivate var words: String {
    if upper >= Self.sanityBound { return "number \(includesLower ? "≥" : ">") \(Self.plain(lower))" }
    let (opening, closing) = (includesLower ? "[" : "(", includesUpper ? "]" : ")")
    return "number in \(opening)\(Self.plain(lower)), \(Self.plain(upper))\(closing)"
  }

  private static let sanityBound = 1000.0

  private static func plain(_ number: Double) -> String { Int(exactly: number).map(String.init) ?? "\(number)" }
}
