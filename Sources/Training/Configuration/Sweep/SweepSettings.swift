import JSON

/// What varies between the runs of one configuration: the section `sweep`.
struct SweepSettings {
  /// A key that is set, and what to.
  struct Setting {
    let path: String
    let value: ConfigurationNode
  }

  struct Variant {
    let name: String
    let settings: [Setting]
  }

  /// A key with the values it is to have, one after the other.
  struct Axis {
    let path: String
    var values: [ConfigurationNode]
  }

  private(set) var variants: [Variant] = []
  private(set) var grid: [Axis] = []
  private(set) var seeds: [ConfigurationNode] = []

  init(_ section: ConfigurationSection) {
    section.describe(
      "variants", .map(of: .map(of: .any)), default: .value([:]),
      "names, each with the keys it sets together, by their paths")
    section.describe(
      "grid", .map(of: .either([.list(of: .any, count: 1...Int.max), .map(of: .any)])), default: .value([:]),
      "keys by their paths, each with a list of values; every combination is run")
    let seed = Expected<UInt64>.seed
    section.describe(
      "seeds", .list(of: seed.form, count: 1...Int.max), default: .words("`run.seed` alone"),
      "the values of `run.seed` with which every combination is run")
    readVariants(section)
    readGrid(section)
    if let elements = section.elements("seeds", of: "integers") {
      if elements.isEmpty { section.report("expected at least one seed, found none", at: "seeds") }
      seeds = elements.compactMap { element in
        section.reader.read(element.node, seed, path: element.path).map { _ in element.node }
      }
      reportRepetition(of: seeds, "seeds", section)
    }
    // A misspelt key says enough.
    let isSound = section.reader.isSound(section.path) && section.hasOnly(["variants", "grid", "seeds"])
    if isSound, variants.isEmpty, grid.isEmpty, seeds.isEmpty {
      section.reader.report(
        "expected at least one of variants, grid and seeds, found none", at: section.node, path: section.path)
    }
  }

  private mutating func readVariants(_ section: ConfigurationSection) {
    for entry in section.entries("variants", of: "names, such as {small: {training.batchSize: 8}}") {
      let path = "\(section.path(of: "variants")).\(visible(entry.key))"
      guard Expected<String>.stageName.read(ConfigurationNode(.scalar(entry.key, isPlain: true), from: "")) != nil
      else {
        section.reader.report(
          "expected \(Expected<String>.stageName.description), found \(quoted(entry.key))", at: entry.value.keyPlace,
          path: path)
        continue
      }
      guard case .mapping(let settings) = entry.value.content else {
        section.reader.report(
          "expected a mapping of keys, such as {training.batchSize: 8}, found \(entry.value.summary)", at: entry.value,
          path: path)
        continue
      }
      variants.append(
        Variant(
          name: entry.key,
          settings: settings.compactMap { setting in
            guard canVary(setting.key, setting.value, path, section) else { return nil }
            return Setting(path: setting.key, value: setting.value)
          }))
    }
  }

  private mutating func readGrid(_ section: ConfigurationSection) {
    for entry in section.entries("grid", of: "keys, such as {training.learningRate: [5e-5, 1e-4]}") {
      readAxes(entry.key, entry.value, section)
    }
    for axis in grid where variants.contains(where: { $0.settings.contains { $0.path == axis.path } }) {
      section.reader.report(
        "is set by a variant too; keep one", at: axis.values[0].keyPlace, path: "\(section.path).grid.\(axis.path)")
    }
    if let axis = grid.first(where: { $0.path == "run.seed" }), section.value("seeds") != nil {
      section.reader.report(
        "seeds and grid's run.seed are alternatives; keep one", at: axis.values[0].keyPlace,
        path: "\(section.path).seeds")
    }
  }

  /// One key with its values, or a section with keys in it.
  private mutating func readAxes(_ path: String, _ node: ConfigurationNode, _ section: ConfigurationSection) {
    let place = "\(section.path(of: "grid")).\(visible(path))"
    switch node.content {
    case .mapping(let entries):
      for entry in entries { readAxes("\(path).\(entry.key)", entry.value, section) }
    case .sequence(let values) where !values.isEmpty:
      guard canVary(path, node, section.path(of: "grid"), section) else { return }
      reportRepetition(of: values, "grid.\(path)", section)
      let axis = Axis(
        path: path,
        values: values.map { value in
          var value = value
          value.keyPlace = node.keyPlace
          return value
        })
      // The command line writes a path as keys within each other, beside the file's.
      guard let index = grid.firstIndex(where: { $0.path == path }) else { return grid.append(axis) }
      if node.keyPlace.position.line > 0 {
        section.reader.report("comes twice; remove one", at: node.keyPlace, path: place)
      }
      grid[index] = axis
    case .sequence, .scalar:
      section.reader.report(
        "expected a list of the values to try, found \(node.isEmptyList ? "none" : node.summary); put them in [ ]",
        at: node, path: place)
    }
  }

  /// Keys that belong to the sweep as a whole.
  private static let fixed = ["run.directory", "run.threads", "run.stuckRank", "run.resume", "sweep"]

  private func canVary(
    _ path: String, _ node: ConfigurationNode, _ place: String, _ section: ConfigurationSection
  ) -> Bool {
    let fixed = Self.fixed.first { path == $0 || path.hasPrefix("\($0).") }
    if let fixed {
      section.reader.report(
        "\(fixed) is that of all runs and cannot vary; remove it", at: node.keyPlace, path: "\(place).\(visible(path))")
    }
    return fixed == nil
  }

  private func reportRepetition(of values: [ConfigurationNode], _ key: String, _ section: ConfigurationSection) {
    var seen: Set<String> = []
    for value in values where !seen.insert(value.words).inserted {
      section.reader.report(
        "expected each value once, found \(quoted(value.words)) again", at: value,
        path: "\(section.path).\(visible(key))")
    }
  }
}

extension ConfigurationSection {
  fileprivate func hasOnly(_ keys: [String]) -> Bool {
    guard case .mapping(let entries) = node.content else { return false }
    return entries.allSatisfy { keys.contains($0.key) }
  }

  /// The entries of a mapping from names that are the user's own, described before.
  fileprivate func entries(_ key: String, of description: String) -> [ConfigurationNode.Entry] {
    guard let node = value(key), !node.isNull else { return [] }
    guard case .mapping(let entries) = node.content else {
      report("expected a mapping of \(description), found \(node.summary)", at: key)
      return []
    }
    return entries
  }
}

extension ConfigurationNode {
  fileprivate var isEmptyList: Bool {
    if case .sequence(let elements) = content { elements.isEmpty } else { false }
  }

  /// All words in it, with spaces between.
  var words: String {
    switch content {
    case .scalar where isNull: "null"
    case .scalar(let text, _): text
    case .sequence(let elements): elements.map(\.words).joined(separator: " ")
    case .mapping(let entries): entries.map { "\($0.key) \($0.value.words)" }.joined(separator: " ")
    }
  }
}
