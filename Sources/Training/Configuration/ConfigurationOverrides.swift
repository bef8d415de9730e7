extension ConfigurationNode {
  /// More keys within each other than any configuration has.
  private static let maxDepth = 64

  /// Applies `key.path=value`, the value being YAML of one line.
  ///
  /// Mappings on the way are created. Elements of a list are named by number from 0, stages also by name and adaptors by
  /// kind: `stages.1.epochs=2`, `stages.prediction.adaptors.LogitMSE.temperature=2`. Whether the key means anything is
  /// found out by the reader, which names the override as the place.
  mutating func apply(override: String) throws(ConfigurationError) {
    let origin = "--set \(visible(override))"
    guard let equals = override.firstIndex(of: "=") else {
      throw Self.failure(origin, "expected key.path=value, found no =")
    }
    let path = override[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard path.count <= Self.maxDepth else {
      throw Self.failure(origin, "expected at most \(Self.maxDepth) keys before =, found \(path.count)")
    }
    guard !path.contains("") else {
      throw Self.failure(
        origin, "expected a key before = such as training.batchSize, found \(quoted(override[..<equals]))")
    }
    let yaml = String(override[override.index(after: equals)...])
    try set(path[...], to: ConfigurationNode(yaml: yaml, origin: origin, isFile: false), origin: origin, passed: [])
  }

  /// Sets what a path of keys leads to, as an override does.
  mutating func set(_ path: String, to value: ConfigurationNode) throws(ConfigurationError) {
    let origin = value.keyPlace.location
    let keys = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard keys.count <= Self.maxDepth, !keys.contains("") else {
      throw Self.failure(origin, "expected a key such as training.batchSize, found \(quoted(path))")
    }
    try set(keys[...], to: value, origin: origin, passed: [])
  }

  /// Takes a key out of a mapping.
  mutating func remove(_ key: String) {
    guard case .mapping(let entries) = content else { return }
    content = .mapping(entries.filter { $0.key != key })
  }

  private mutating func set(
    _ path: ArraySlice<String>, to value: ConfigurationNode, origin: String, passed: [String]
  ) throws(ConfigurationError) {
    guard let key = path.first else {
      self = value
      return
    }
    if isNull { content = .mapping([]) }
    // An adaptor without options is its bare name; options turn it into a mapping.
    if case .scalar(key, _) = content {
      content = .mapping([
        Entry(key: key, value: ConfigurationNode(.mapping([]), from: origin))
      ])
    }
    switch content {
    case .scalar:
      throw Self.failure(
        origin, "\(passed.joined(separator: ".")) is \(summary), which has no \(quoted(key)) in it; set it as a whole")
    case .mapping(var entries):
      let index = entries.firstIndex { $0.key == key } ?? entries.endIndex
      if index == entries.endIndex {
        entries.append(Entry(key: key, value: ConfigurationNode(.scalar("", isPlain: true), from: origin)))
      }
      try entries[index].value.set(path.dropFirst(), to: value, origin: origin, passed: passed + [key])
      // The two ways to say how long a stage is: the command line's takes the place of the file's.
      if path.count == 1, let other = ["epochs": "maxSteps", "maxSteps": "epochs"][key] {
        entries.removeAll { $0.key == other }
      }
      content = .mapping(entries)
    case .sequence(var elements):
      let names = elements.map(\.elementName)
      guard let index = Int(key).flatMap({ elements.indices.contains($0) ? $0 : nil }) ?? names.firstIndex(of: key)
      else {
        let known = names.compactMap { $0 }.map { visible($0) }.joined(separator: ", ")
        throw Self.failure(
          origin,
          "\(passed.joined(separator: ".")) has no element \(quoted(key)); it has \(elements.count)"
            + (known.isEmpty ? "" : ": \(known)"))
      }
      // A name reaches a stage itself, but an adaptor's options under its name.
      let reachesInside = Int(key) == nil && elements[index]["name"] == nil
      try elements[index].set(
        reachesInside ? path : path.dropFirst(), to: value, origin: origin, passed: passed + [key])
      content = .sequence(elements)
    }
  }

  /// How an override may call this element of a list: a stage's `name`, an adaptor's kind.
  private var elementName: String? {
    switch content {
    case .scalar(let text, _): return text
    case .sequence: return nil
    case .mapping(let entries):
      if case .scalar(let name, _) = self["name"]?.content { return name }
      return entries.count == 1 ? entries[0].key : nil
    }
  }

  private static func failure(_ origin: String, _ message: String) -> ConfigurationError {
    ConfigurationError(problems: [.init(location: origin, path: "", message: message)])
  }
}
