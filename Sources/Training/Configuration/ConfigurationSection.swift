/// Walks a configuration and collects every problem met on the way.
final class ConfigurationReader {
  private var problems: [(position: (line: Int, column: Int), problem: ConfigurationError.Problem)] = []
  /// Every key asked for, with list positions as `N` and adaptor names as `NAME`: the schema, as it is read.
  private(set) var keys: Set<String> = []
  let root: ConfigurationNode

  init(root: ConfigurationNode) { self.root = root }

  /// More would help nobody and cost time on a hostile file.
  private static let maxProblems = 100
  private(set) var isFull = false

  func report(_ message: String, at node: ConfigurationNode, path: String) {
    guard problems.count < Self.maxProblems else {
      isFull = true
      return
    }
    problems.append((node.position, .init(location: node.location, path: path, message: message)))
  }

  func recordKey(_ pattern: String) { keys.insert(pattern) }

  /// Whether a problem was reported at `path` or below it.
  func isSound(_ path: String) -> Bool {
    !problems.contains { $0.problem.path == path || $0.problem.path.hasPrefix(path + ".") }
  }

  /// The problems as one error, in the order of the file, or `nil` where there is none.
  var error: ConfigurationError? {
    guard !problems.isEmpty else { return nil }
    let order = problems.indices.sorted { a, b in
      problems[a].position == problems[b].position ? a < b : problems[a].position < problems[b].position
    }
    let rest = ConfigurationError.Problem(location: root.location, path: "", message: "further problems are not shown")
    return ConfigurationError(problems: order.map { problems[$0].problem } + (isFull ? [rest] : []))
  }

  func read<Value>(_ node: ConfigurationNode, _ expected: Expected<Value>, path: String) -> Value? {
    if let value = expected.read(node) { return value }
    let remedy = expected.remedy(node).map { "; \($0)" } ?? ""
    report("expected \(expected.description), found \(node.summary)\(remedy)", at: node, path: path)
    return nil
  }

  /// Reads a mapping, reporting the keys that `body` did not ask for.
  ///
  /// An absent section, or a null one, reads as an empty one. Anything but a mapping is reported, and then reads as an empty one whose
  /// missing keys are not reported as well.
  func section<Value>(
    _ node: ConfigurationNode?, path: String, pattern: String, under parent: ConfigurationNode,
    reportsMissing: Bool, _ body: (ConfigurationSection) -> Value
  ) -> Value {
    let given = node.flatMap { $0.isNull ? nil : $0 }
    var isMapping = false
    if case .mapping = given?.content { isMapping = true }
    if let given, !isMapping {
      report("expected a mapping of keys, found \(given.summary)", at: given, path: path)
    }
    let section = ConfigurationSection(
      reader: self, node: node ?? parent, path: path, pattern: pattern, isPresent: isMapping,
      reportsMissing: reportsMissing && (given == nil || isMapping))
    let value = body(section)
    section.reportUnknownKeys()
    return value
  }
}

/// One mapping while it is read. Asking for a key makes it known; those nobody asks for are errors.
final class ConfigurationSection {
  let reader: ConfigurationReader
  /// The mapping, or the nearest one above where this section is absent.
  let node: ConfigurationNode
  let path: String
  let isPresent: Bool
  private let pattern: String
  /// Not where this section or one above it is no mapping, as that says enough.
  private let reportsMissing: Bool
  private var known: [String] = []

  init(
    reader: ConfigurationReader, node: ConfigurationNode, path: String, pattern: String, isPresent: Bool,
    reportsMissing: Bool
  ) {
    self.reader = reader
    self.node = node
    self.path = path
    self.pattern = pattern
    self.isPresent = isPresent
    self.reportsMissing = reportsMissing
  }

  func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// The value under `key`, which is known from now on.
  func value(_ key: String) -> ConfigurationNode? {
    known.append(key)
    reader.recordKey(pattern(of: key))
    return isPresent ? node[key] : nil
  }

  /// Reads `key` into `target`, which stays as it is where the key is absent or wrong.
  func read<Value>(_ key: String, _ expected: Expected<Value>, into target: inout Value) {
    if let value = read(key, expected) { target = value }
  }

  /// The value under `key`, or `nil` where it is absent or wrong.
  func read<Value>(_ key: String, _ expected: Expected<Value>) -> Value? {
    value(key).flatMap { reader.read($0, expected, path: path(of: key)) }
  }

  /// The value under `key`, whose absence is reported.
  func require<Value>(_ key: String, _ expected: Expected<Value>) -> Value? {
    guard let node = value(key) else {
      reportMissing(key, expected.description)
      return nil
    }
    return reader.read(node, expected, path: path(of: key))
  }

  /// The elements of a list with their paths, or `nil` where `key` is absent or no list.
  func elements(_ key: String, of description: String) -> [(node: ConfigurationNode, path: String)]? {
    guard let node = value(key) else { return nil }
    guard case .sequence(let elements) = node.content else {
      report("expected a list of \(description), found \(node.summary); put it in [ ]", at: key)
      return nil
    }
    return elements.enumerated().map { ($1, "\(path(of: key)).\($0)") }
  }

  /// Reads the mapping under `key`.
  func section<Value>(_ key: String, _ body: (ConfigurationSection) -> Value) -> Value {
    reader.section(
      value(key), path: path(of: key), pattern: pattern(of: key), under: node, reportsMissing: reportsMissing, body)
  }

  /// Reads the mapping under `key` where it is present and not null.
  func sectionUnlessNull<Value>(_ key: String, _ body: (ConfigurationSection) -> Value) -> Value? {
    guard let value = value(key), !value.isNull else { return nil }
    return section(key, body)
  }

  func reportMissing(_ key: String, _ description: String) {
    guard reportsMissing else { return }
    reader.report("missing; give \(description)", at: node[key] ?? node, path: path(of: key))
  }

  func report(_ message: String, at key: String) {
    reader.report(message, at: node[key] ?? node, path: path(of: key))
  }

  /// Reports keys of which only one may be given, at the one from the command line where there is one.
  func reportAlternatives(_ keys: [String], orWhole whole: (String) -> String) {
    let last = keys.last { node[$0]?.position.line == 0 } ?? keys[keys.count - 1]
    report(
      "\(keys.joined(separator: " and ")) are alternatives; keep one, or replace the whole with "
        + "--set '\(path)=\(whole(last))'", at: last)
  }

  func reportUnknownKeys() {
    guard isPresent, case .mapping(let entries) = node.content else { return }
    for entry in entries where !known.contains(entry.key) && !reader.isFull {
      let (key, value) = (entry.key, entry.value)
      let remedy =
        nearest(to: key, among: known).map { "did you mean \($0)?" }
        ?? "the keys here are \(known.joined(separator: ", "))"
      let isWord = key.utf8.allSatisfy { (33...126).contains($0) } && key.utf8.count <= 60 && !key.isEmpty
      reader.report("unknown key; \(remedy)", at: value, path: path(of: isWord ? key : quoted(key)))
    }
  }

  private func pattern(of key: String) -> String { pattern.isEmpty ? key : "\(pattern).\(key)" }
}
