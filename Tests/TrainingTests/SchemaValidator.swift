import JSON

@testable import Training

/// As much of JSON Schema as the configuration's uses; an unknown keyword is a problem.
struct SchemaValidator {
  private let schema: JSON

  init(_ schema: JSON) { self.schema = schema }

  /// The paths of what does not conform.
  func problems(of value: JSON) -> [String] {
    var found: [String] = []
    check(value, schema, "", &found)
    return found
  }

  private func check(_ value: JSON, _ schema: JSON, _ path: String, _ found: inout [String]) {
    func below(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
    func require(_ condition: Bool) { if !condition, found.last != path { found.append(path) } }
    for (keyword, rule) in schema.object ?? JSONObject() {
      switch keyword {
      case "$schema", "title", "description", "default": break
      case "type":
        let types = rule.array ?? [rule]
        require(types.contains { Self.isOf(value, type: $0.string ?? "") })
      case "enum": require(rule.array?.contains(value) == true)
      case "minimum": if let number = value.double, let bound = rule.double { require(number >= bound) }
      case "maximum": if let number = value.double, let bound = rule.double { require(number <= bound) }
      case "exclusiveMinimum": if let number = value.double, let bound = rule.double { require(number > bound) }
      case "exclusiveMaximum": if let number = value.double, let bound = rule.double { require(number < bound) }
      case "minLength": if let text = value.string { require(text.unicodeScalars.count >= rule.int ?? 0) }
      case "minItems": if let array = value.array { require(array.count >= rule.int ?? 0) }
      case "maxItems": if let array = value.array { require(array.count <= rule.int ?? 0) }
      case "minProperties": if let object = value.object { require(object.count >= rule.int ?? 0) }
      case "maxProperties": if let object = value.object { require(object.count <= rule.int ?? 0) }
      case "items":
        for (index, element) in (value.array ?? []).enumerated() { check(element, rule, below("\(index)"), &found) }
      case "properties":
        for (key, child) in value.object ?? JSONObject() {
          if let rule = rule[key] { check(child, rule, below(key), &found) }
        }
      case "additionalProperties":
        for (key, child) in value.object ?? JSONObject() where schema["properties"]?[key] == nil {
          if rule.bool == false { found.append(below(key)) } else { check(child, rule, below(key), &found) }
        }
      case "required":
        guard let object = value.object else { break }
        for key in (rule.array ?? []).compactMap(\.string) where object[key] == nil { found.append(below(key)) }
      case "anyOf":
        require(rule.array?.contains { SchemaValidator($0).problems(of: value).isEmpty } == true)
      default: found.append("\(path): \(keyword)?")
      }
    }
  }

  private static func isOf(_ value: JSON, type: String) -> Bool {
    switch type {
    case "null": value.isNull
    case "boolean": value.bool != nil
    case "integer": value.int != nil
    case "number": value.double != nil
    case "string": value.string != nil
    case "array": value.array != nil
    case "object": value.object != nil
    default: false
    }
  }
}

extension ConfigurationNode {
  /// As YAML 1.2's core schema has it, which is what editors take.
  var json: JSON {
    switch content {
    case .scalar where isNull: .null
    case .scalar("true", isPlain: true): .bool(true)
    case .scalar("false", isPlain: true): .bool(false)
    case .scalar(let text, isPlain: true): Int(text).map(JSON.integer) ?? Double(text).map(JSON.number) ?? .string(text)
    case .scalar(let text, isPlain: false): .string(text)
    case .sequence(let elements): .array(elements.map(\.json))
    case .mapping(let entries): .members(entries.map { ($0.key, $0.value.json) })
    }
  }
}
