/// Walks a configuration and collects every problem met on the way.
final class ConfigurationReader {
  private var problems: [(position: (line: Int, column: Int), problem: ConfigurationError.Problem)] = []
  /// Every key asked for, in that order: what there is to configure, as it is read. Empty unless `describes`.
  private(set) var keys: [ConfigurationKey] = []
  let describes: Bool
  let root: ConfigurationNode

  /// - Parameter describes: whether `keys` are wanted, which reading a configuration does not need.
  init(root: ConfigurationNode, describes: Bool = false) {
    self.root = root
    self.describes = describes
  }

  /// More would help nobody and cost time on a hostile file.
  private static let maxProblems = 100
  private(set) var isFull = false

  func report(_ message: String, at place: ConfigurationNode.Place, path: String) {
    guard problems.count < Self.maxProblems else {
      isFull = true
      return
    }
    problems.append((place.position, .init(location: place.location, path: path, message: message)))
  }

  func report(_ message: String, at node: ConfigurationNode, path: String) {
    report(message, at: node.place, path: path)
  }

  /// Adds what was found before reading began.
  func report(_ earlier: [ConfigurationError.Problem]) {
    for problem in earlier { problems.append(((0, 0), problem)) }
  }

  /// Notes a key unless one of its path is there.
  func describe(_ key: @autoclosure () -> ConfigurationKey) {
    guard describes else { return }
    let key = key()
    if !keys.contains(where: { $0.path == key.path }) { keys.append(key) }
  }

  /// Whether no problem was reported at `path` or below it.
  func isSound(_ path: String) -> Bool {
    !problems.contains { $0.problem.path == path || $0.problem.path.hasPrefix(path + ".") }
  }

  /// The problems as one error, in the order of the file, or `nil` where there is none.
  var error: ConfigurationError? {
    guard !problems.isEmpty else { return nil }
    let order = problems.indices.sorted { a, b in
      problems[a].position == problems[b].position ? a < b : problems[a].position < problems[b].position
    }
    let rest = ConfigurationError.Problem(
      location: root.place.location, path: "", message: "further problems are not shown")
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
  /// An absent section, or a null one, reads as an empty one. Anything but a mapping is reported, and then reads as an
  /// empty one whose missing keys are not reported as well.
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
