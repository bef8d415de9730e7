extension RunConfiguration {
  /// Which overrides change no run, because of what stands elsewhere.
  ///
  /// - Parameter root: the document with all overrides applied.
  static func withoutEffect(_ overrides: [String], in root: ConfigurationNode) -> [String] {
    guard case .sequence(let stages)? = root["stages"]?.content, !stages.isEmpty else { return [] }
    return overrides.compactMap { override in
      let path = override.prefix { $0 != "=" }.split(separator: ".").map(String.init)
      guard path.count >= 2 else { return nil }
      switch path[0] {
      case "training":
        // What a stage names, it does not inherit; epochs and maxSteps stand for each other.
        let keys = Array(path.dropFirst())
        let owners = stages.map { owner(of: keys, in: $0) }
        guard owners.allSatisfy({ $0 != nil }), let own = owners.compactMap({ $0 }).first else { return nil }
        let name = stages[0].name ?? "0"
        return
          "\(visible(override)) has no effect, as every stage has its own \(own); set stages.\(visible(name)).\(own)"
      case "teacher":
        let learns = stages.contains { stage in
          if case .sequence(let adaptors)? = stage["adaptors"]?.content { !adaptors.isEmpty } else { false }
        }
        guard !learns, root["student"]?["fromTeacher"] == nil else { return nil }
        return "\(visible(override)) has no effect, as no stage has adaptors; set stages.N.adaptors"
      default: return nil
      }
    }
  }

  /// The key of a stage that hides an inherited one.
  private static func owner(of keys: [String], in stage: ConfigurationNode) -> String? {
    var node = stage
    for (index, key) in keys.enumerated() {
      if index == 0, let other = ["epochs": "maxSteps", "maxSteps": "epochs"][key], node[other] != nil { return other }
      guard let next = node[key] else { return nil }
      node = next
    }
    return keys.joined(separator: ".")
  }
}

extension ConfigurationNode {
  fileprivate var name: String? {
    if case .scalar(let name, _)? = self["name"]?.content { name } else { nil }
  }
}
