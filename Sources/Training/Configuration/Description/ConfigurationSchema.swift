import JSON

/// The JSON Schema of configurations, for editors and other programs.
package enum ConfigurationSchema {
  /// In draft 2020-12.
  package static var json: JSON {
    var schema = JSONObject([
      "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "distill-ddp configuration",
    ])
    for (key, value) in object(of: "") { schema[key] = value }
    schema["type"] = "object"
    return .object(schema)
  }

  /// A mapping of the keys below a path.
  private static func object(of path: String) -> JSONObject {
    ValueForm.mapping.schema(keys: properties(below: path), required: required(below: path))
  }

  private static func properties(below path: String) -> JSONObject {
    children(of: path).reduce(into: JSONObject()) { $0[$1.name] = .object(schema(of: $1)) }
  }

  private static func required(below path: String) -> [String] {
    children(of: path).filter(\.isRequired).map(\.name)
  }

  private static func children(of path: String) -> [ConfigurationKey] {
    ConfigurationKey.all.filter { $0.parent == path }
  }

  private static func schema(of key: ConfigurationKey) -> JSONObject {
    let path = children(of: key.path).isEmpty ? "\(key.path).N" : key.path
    var schema = key.form.schema(keys: properties(below: path), required: required(below: path))
    schema["description"] = .string(plain(key.meaning))
    if case .value(let value) = key.default, key.original == nil { schema["default"] = value }
    return schema
  }

  /// Markdown without links, whose targets an editor does not find.
  private static func plain(_ markdown: String) -> String {
    markdown.replacing(#/\[([^\]]+)\]\([^)]*\)/#) { $0.output.1 } + "."
  }
}

extension ConfigurationKey {
  fileprivate var isRequired: Bool {
    if case .required = self.default { true } else { false }
  }
}
