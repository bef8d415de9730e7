/// One mapping while it is read. Describing a key makes it known; those nobody describes are errors.
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
  /// Known, but not to be offered here.
  private var misplaced: [String] = []

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

  /// Whether every key there is is wanted, rather than what one configuration says.
  var isDescribing: Bool { reader.describes }

  func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// The value under `key`.
  func value(_ key: String) -> ConfigurationNode? { isPresent ? node[key] : nil }

  /// Where `key` stands in any configuration: its path with `N` for positions in lists.
  func patternOfKey(_ key: String) -> String { pattern.isEmpty ? key : "\(pattern).\(key)" }

  // MARK: Describing

  /// Makes `key` known: the one place where a key is described.
  ///
  /// - Parameter meaning: one sentence in Markdown, without its full stop.
  func describe<Value>(
    _ key: String, _ expected: Expected<Value>, default value: ConfigurationKey.Default = .none, _ meaning: String
  ) {
    describe(key, expected.form, default: value, meaning)
  }

  func describe(
    _ key: String, _ form: ValueForm, default value: @autoclosure () -> ConfigurationKey.Default = .none,
    _ meaning: String
  ) {
    known.append(key)
    reader.describe(ConfigurationKey(path: patternOfKey(key), form: form, default: value(), meaning: meaning))
  }

  /// Reports a key that has no place here, because of what another one says.
  func refuse(_ key: String, _ message: String) {
    misplaced.append(key)
    if value(key) != nil { report(message, at: key) }
  }

  // MARK: Reading

  /// Reads `key` into `target`, whose value is the default and stays as it is where the key is absent or wrong.
  func read<Value>(_ key: String, _ expected: Expected<Value>, into target: inout Value, _ meaning: String) {
    let standard = target
    describe(key, expected.form, default: .value(expected.json(standard)), meaning)
    if let value = readDescribed(key, expected) { target = value }
  }

  /// The value under `key`, or `nil` where it is absent or wrong.
  func read<Value>(
    _ key: String, _ expected: Expected<Value>, default value: ConfigurationKey.Default = .none, _ meaning: String
  ) -> Value? {
    describe(key, expected, default: value, meaning)
    return readDescribed(key, expected)
  }

  /// The value under `key`, whose absence is reported.
  func require<Value>(_ key: String, _ expected: Expected<Value>, _ meaning: String) -> Value? {
    describe(key, expected, default: .required, meaning)
    if value(key) == nil { reportMissing(key, expected.description) }
    return readDescribed(key, expected)
  }

  /// The value under a key that was described before, or `nil` where it is absent or wrong.
  func readDescribed<Value>(_ key: String, _ expected: Expected<Value>) -> Value? {
    value(key).flatMap { reader.read($0, expected, path: path(of: key)) }
  }

  /// The elements of a list that was described before, with their paths, or `nil` where `key` is absent or no list.
  func elements(_ key: String, of description: String) -> [(node: ConfigurationNode, path: String)]? {
    guard let node = value(key) else { return nil }
    guard case .sequence(let elements) = node.content else {
      report("expected a list of \(description), found \(node.summary); put it in [ ]", at: key)
      return nil
    }
    return elements.enumerated().map { ($1, "\(path(of: key)).\($0)") }
  }

  /// Reads the mapping under `key`.
  func section<Value>(_ key: String, _ meaning: String, _ body: (ConfigurationSection) -> Value) -> Value {
    describe(key, .mapping, meaning)
    return sectionDescribed(key, body)
  }

  /// Reads the mapping under `key` where it is present and not null.
  func sectionUnlessNull<Value>(
    _ key: String, default value: ConfigurationKey.Default = .value(.null), _ meaning: String,
    _ body: (ConfigurationSection) -> Value
  ) -> Value? {
    describe(key, .mapping, default: value, meaning)
    return self.value(key)?.isNull ?? true ? nil : sectionDescribed(key, body)
  }

  private func sectionDescribed<Value>(_ key: String, _ body: (ConfigurationSection) -> Value) -> Value {
    reader.section(
      value(key), path: path(of: key), pattern: patternOfKey(key), under: node, reportsMissing: reportsMissing, body)
  }

  // MARK: Reporting

  func reportMissing(_ key: String, _ description: String) {
    guard reportsMissing else { return }
    reader.report(
      "missing; give \(description)", at: (node[key] ?? node).keyPlace, path: path(of: key))
  }

  /// Reports a problem with the key itself rather than its value.
  func report(_ message: String, at key: String) {
    reader.report(message, at: (node[key] ?? node).keyPlace, path: path(of: key))
  }

  /// Reports keys of which only one may be given, at the one from the command line where there is one.
  func reportAlternatives(_ keys: [String], orWhole whole: (String) -> String) {
    let last = keys.last { node[$0]?.keyPlace.position.line == 0 } ?? keys[keys.count - 1]
    report(
      "\(keys.joined(separator: " and ")) are alternatives; keep one, or replace the whole with "
        + "--set '\(path)=\(whole(last))'", at: last)
  }

  func reportUnknownKeys() {
    guard isPresent, case .mapping(let entries) = node.content else { return }
    for entry in entries where !known.contains(entry.key) && !misplaced.contains(entry.key) && !reader.isFull {
      let (key, value) = (entry.key, entry.value)
      let remedy = remedy(forUnknown: key, among: known)
      let isWord = key.utf8.allSatisfy { (33...126).contains($0) } && key.utf8.count <= 60 && !key.isEmpty
      reader.report("unknown key; \(remedy)", at: value.keyPlace, path: path(of: isWord ? key : quoted(key)))
    }
  }

  /// What to write in the place of a key that is not among these.
  private func remedy(forUnknown key: String, among known: [String]) -> String {
    let almost = known.first { isSpelling(key, of: $0) } ?? nearest(to: key, among: known, within: 1)
    if let almost { return "did you mean \(almost)?" }
    if let remedy = OtherToolsKeys.remedy(for: key) { return remedy }
    if let near = nearest(to: key, among: known) { return "did you mean \(near)?" }
    guard let path = ConfigurationKey.elsewhere(key, from: pattern) else {
      return "the keys here are \(known.joined(separator: ", "))"
    }
    // The same word again would be no help.
    return path == key ? "it stands at the top of the file, not below \(self.path)" : "did you mean \(path)?"
  }
}
