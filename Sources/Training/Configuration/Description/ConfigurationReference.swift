import JSON

/// The tables of `docs/configuration.md`.
package enum ConfigurationReference {
  private static let opening = "<!-- keys: "
  private static let closing = "<!-- end of keys -->"

  /// A Markdown document with the tables in it brought up to date: what stands between `<!-- keys: PATH -->` and
  /// `<!-- end of keys -->` becomes the table of the keys below that path, without those that have a table of their own.
  package static func updating(_ document: String) throws -> String {
    let lines = document.split(separator: "\n", omittingEmptySubsequences: false)
    let paths = lines.compactMap(path)
    for path in paths where !ConfigurationKey.all.contains(where: { $0.parent == path }) {
      throw ModelError("\(opening)\(visible(path)) -->: there are no such keys; remove it, or name a section")
    }
    var result: [Substring] = []
    var open: String?
    for line in lines {
      if let path = path(line) {
        if let open { throw unclosed(open) }
        open = path
        result += [line, ""] + table(of: path, leavingOut: paths.filter { $0 != path }).map { $0[...] } + [""]
      } else if line == closing {
        open = nil
      }
      if open == nil { result.append(line) }
    }
    if let open { throw unclosed(open) }
    return result.joined(separator: "\n")
  }

  private static func unclosed(_ path: String) -> ModelError {
    ModelError("\(opening)\(visible(path)) -->: expected \(closing) behind it, found none")
  }

  private static func path(_ line: Substring) -> String? {
    guard line.hasPrefix(opening), line.hasSuffix(" -->") else { return nil }
    return String(line.dropFirst(opening.count).dropLast(4))
  }

  /// The lines of the tables of the keys below a path.
  private static func table(of path: String, leavingOut others: [String]) -> [String] {
    func isBelow(_ key: ConfigurationKey, _ path: String) -> Bool { key.path.hasPrefix(path + ".") }
    let keys = ConfigurationKey.all.filter { key in
      isBelow(key, path) && key.original == nil
        && !others.contains { $0.hasPrefix(path + ".") && isBelow(key, $0) }
    }
    let list = String(path.dropLast(2))
    guard let key = ConfigurationKey.all.first(where: { $0.path == list }), key.form.isListOfNamed else {
      return ["| key | type | default | meaning |", "|---|---|---|---|"]
        + keys.map { row($0.path, $0.type, $0.default.words, $0.meaning) }
    }
    return choices(keys, below: path)
  }

  /// Names with options of their own: a table of them, and one of all options.
  private static func choices(_ keys: [ConfigurationKey], below path: String) -> [String] {
    let names = keys.filter { $0.parent == path }
    var lines = ["| adaptor | learns | options |", "|---|---|---|"]
    for name in names {
      let options = keys.filter { $0.parent == name.path }.map { "`\($0.name)`" }
      lines.append("| `\(name.name)` | \(name.meaning) | \(options.joined(separator: ", ")) |")
    }
    lines += ["", "| option | type | default | meaning |", "|---|---|---|---|"]
    var shown: [String] = []
    for option in keys where option.parent != path && !shown.contains(option.name) {
      shown.append(option.name)
      let all = keys.filter { $0.name == option.name && $0.parent != path }
      lines.append(row(option.name, ValueForm.words(ofAny: all.map(\.form)), defaults(of: all), option.meaning))
    }
    return lines
  }

  /// `last`, or where some have another default, `last` with those behind it.
  private static func defaults(of options: [ConfigurationKey]) -> String {
    let first = options.first?.default.words ?? ""
    let others = options.filter { $0.default.words != first }.map { option in
      "`\(option.parent.split(separator: ".").last ?? "")`: \(option.default.words)"
    }
    return others.isEmpty ? first : "\(first) (\(others.joined(separator: ", ")))"
  }

  private static func row(_ name: String, _ type: String, _ standard: String, _ meaning: String) -> String {
    "| `\(name)` | \(type) |\(standard.isEmpty ? "" : " \(standard)") | \(meaning) |"
  }
}

extension ValueForm {
  fileprivate var isListOfNamed: Bool {
    if case .list(of: .named, _) = self { true } else { false }
  }

  /// What the forms of one option of several adaptors allow together; where they are not words, the last allows most.
  fileprivate static func words(ofAny forms: [ValueForm]) -> String {
    var words: [String] = []
    for case .words(let some) in forms { words += some.filter { !words.contains($0) } }
    return words.isEmpty ? forms[forms.count - 1].words : ValueForm.words(words).words
  }
}

extension ConfigurationKey {
  /// A section that may be absent as a whole says so in its default only.
  fileprivate var type: String {
    if case .mapping = form, case .value(.null) = self.default { return ValueForm.orNull(form).words }
    return form.words
  }
}

extension ConfigurationKey.Default {
  fileprivate var words: String {
    switch self {
    case .none: ""
    case .required: "required"
    case .words(let words): words
    case .value(.string(let text)): text
    case .value(.array(let values)): "[\(values.map { Self.value($0).words }.joined(separator: ", "))]"
    case .value(.number(let number)): Self.short(number)
    case .value(let value): value.text()
    }
  }

  /// `5e-5` for 5e-05 and for 0.00005.
  private static func short(_ number: Double) -> String {
    let text = number.description
    guard let zeros = text.firstMatch(of: #/^0\.(0{3,})(\d)(\d*)$/#) else { return text.replacing("e-0", with: "e-") }
    let (_, before, first, rest) = zeros.output
    return "\(first)\(rest.isEmpty ? "" : ".\(rest)")e-\(before.count + 1)"
  }
}
