/// Which overrides change no run, because of what stands elsewhere.
///
/// An override is without effect where the runs are the same without it, and it is not merely what a key is anyway: then a
/// key of the configuration as it is saved differs, and nothing reads that key.
struct OverridesWithoutEffect {
  /// What the overrides are applied to.
  private let document: ConfigurationNode
  private let overrides: [String]
  /// All runs of a document with overrides; `nil` where it is none.
  private let runs: (ConfigurationNode) -> [RunConfiguration]?

  init(
    _ overrides: [String], of document: ConfigurationNode, runs: @escaping (ConfigurationNode) -> [RunConfiguration]?
  ) {
    (self.overrides, self.document, self.runs) = (overrides, document, runs)
  }

  /// What to tell, in the order of the overrides.
  var notices: [String] {
    guard !overrides.isEmpty, let all = read(overrides) else { return [] }
    return overrides.indices.compactMap { index in
      let override = overrides[index]
      let key = override.prefix { $0 != "=" }
      if let later = overrides[(index + 1)...].last(where: { $0.prefix { $0 != "=" } == key }) {
        return later == override ? nil : "\(visible(override)) has no effect, as \(visible(later)) follows"
      }
      var others = overrides
      others.remove(at: index)
      guard let rest = read(others), rest.runs.count == all.runs.count else { return nil }
      let pairs = Array(zip(all.runs, rest.runs))
      guard pairs.contains(where: { $0.leaves != $1.leaves }), pairs.allSatisfy({ $0.read == $1.read }) else {
        // A key that all runs of a sweep have a value of their own for.
        guard all.root["sweep"] != nil, all.root.value(at: key) != rest.root.value(at: key), all.runs == rest.runs
        else {
          return nil
        }
        return "\(visible(override)) has no effect, as every run of the sweep has a value of its own"
      }
      let changed = Set(pairs.flatMap { Array($0.leaves.keys) + Array($1.leaves.keys) }).filter { path in
        pairs.contains { $0.leaves[path] != $1.leaves[path] }
      }
      return "\(visible(override)) has no effect, \(reason(String(key), changed, all.runs[0], all.root))"
    }
  }

  // MARK: Reading

  private struct Run: Equatable {
    /// Every key's value.
    let leaves: [String: String]
    /// Of the keys that the run reads.
    let read: [String: String]
    let unread: [UnreadKeys]

    static func == (a: Self, b: Self) -> Bool { a.leaves == b.leaves }
  }

  private func read(_ overrides: [String]) -> (root: ConfigurationNode, runs: [Run])? {
    var root = document
    for override in overrides {
      guard (try? root.apply(override: override)) != nil else { return nil }
    }
    guard let configurations = runs(root) else { return nil }
    let runs = configurations.compactMap { configuration -> Run? in
      guard
        let resolved = try? ConfigurationNode(
          yaml: configuration.resolvedYAML(), origin: "the resolved configuration", isFile: false)
      else { return nil }
      let unread = configuration.unread
      let leaves = Dictionary(resolved.leaves(path: "").map { ($0.name, $0.value) }) { first, _ in first }
      return Run(
        leaves: leaves, read: leaves.filter { leaf in !unread.contains { $0.holds(leaf.key) } }, unread: unread)
    }
    return runs.count == configurations.count ? (root, runs) : nil
  }

  /// `as …; set …`
  private func reason(_ key: String, _ changed: Set<String>, _ run: Run, _ root: ConfigurationNode) -> String {
    let path = key.split(separator: ".").map(String.init)
    if let section = ["training": 1, "data": 2][path.first ?? ""], path.count >= 2,
      case .sequence(let stages)? = root["stages"]?.content, let first = stages.first
    {
      // What a stage names, it does not inherit.
      let own = stages.map { $0.owner(of: Array(path.dropFirst()), in: section == 1 ? $0 : $0["data"]) }
      if own.allSatisfy({ $0 != nil }), let owner = own.compactMap({ $0 }).first {
        let whole = section == 1 ? owner : "data.\(owner)"
        return "as every stage has its own \(whole); set stages.\(visible(first.name ?? "0")).\(whole)"
      }
    }
    // The first is of keys that others have inherited.
    let why = run.unread.last { unread in changed.contains(where: unread.holds) }
    return why.map { "as \($0.because)" } ?? "as nothing reads it"
  }
}

/// Keys that have a value and that a run does not read.
struct UnreadKeys {
  /// Each with all below it.
  let paths: [String]
  let because: String

  func holds(_ key: String) -> Bool { paths.contains { key == $0 || key.hasPrefix("\($0).") } }
}

extension RunConfiguration {
  /// What of it no run reads, as it is.
  var unread: [UnreadKeys] {
    var unread = [
      // Stages hold what they inherit.
      UnreadKeys(paths: ["training", "data.unlabelled", "data.mix"], because: "every stage has its own")
    ]
    func leave(_ paths: String..., because: String) { unread.append(UnreadKeys(paths: paths, because: because)) }
    if stages.allSatisfy(\.adaptors.isEmpty) {
      let learns = "no stage has adaptors; set stages.\(stages.first.map { visible($0.name) } ?? "N").adaptors"
      if student.needsTeacher {
        leave("teacher.cache", "teacher.precision", because: learns)
      } else {
        leave("teacher", "teachers", "average", because: learns)
      }
    }
    if teachers.count < 2 { leave("average", because: "there is one teacher; give teachers") }
    if run.onFailedSave == .stop {
      leave("run.maxFailedSaves", because: "run.onFailedSave is stop; set it to continue")
    }
    if let first = stages.first {
      leave("stages.\(first.name).initialize", because: "the first stage starts from student")
    }
    for stage in stages {
      let path = "stages.\(stage.name)"
      if stage.training.nonFinite == .stop {
        leave("\(path).maxSkippedSteps", because: "nonFinite is stop; set \(path).nonFinite=skip")
      }
      if stage.training.earlyStopping.patience == nil {
        leave("\(path).earlyStopping.minDelta", because: "no patience is set; set \(path).earlyStopping.patience")
      }
      if data.validation == nil {
        leave(
          "\(path).checkpoint.mode", "\(path).checkpoint.saveTopK",
          because: "nothing is monitored without data.validation")
      }
    }
    return unread
  }
}

extension StudentSettings {
  /// Whether something of the student is the teacher's.
  fileprivate var needsTeacher: Bool {
    if case .fresh = source { return tokenizer == nil }
    return isOfTeacher
  }
}

extension ConfigurationNode {
  fileprivate var name: String? {
    if case .scalar(let name, _)? = self["name"]?.content { name } else { nil }
  }

  /// The key of a stage's section that hides an inherited one; epochs and maxSteps stand for each other.
  fileprivate func owner(of keys: [String], in section: ConfigurationNode?) -> String? {
    guard var node = section else { return nil }
    for (index, key) in keys.enumerated() {
      if index == 0, let other = ["epochs": "maxSteps", "maxSteps": "epochs"][key], node[other] != nil { return other }
      guard let next = node[key] else { return nil }
      node = next
    }
    return keys.joined(separator: ".")
  }

  /// What stands at a path, as text; `nil` where nothing does.
  fileprivate func value(at path: Substring) -> [String]? {
    var node = self
    for key in path.split(separator: ".") {
      guard let next = node[String(key)] else { return nil }
      node = next
    }
    return node.leaves(path: "").map { "\($0.name)=\($0.value)" }
  }
}
