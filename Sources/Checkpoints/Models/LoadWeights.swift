import JSON
import Kernels

/// What to do about the head, and where files lack it the pooler.
package enum HeadPolicy: String, Sendable, CaseIterable {
  /// The file must have it.
  case required
  /// Start a new one if the file has none; one of another shape is an error.
  case newIfMissing
  /// Start a new one whatever the file has; a pooler is kept.
  case new
  /// Nothing reads its output, so that one of another task or shape does not matter: start a new one where it differs.
  case unread
}

/// What to do about a head that does not fit, which depends on what the model is read for.
package struct HeadRemedies: Sendable {
  package let missing: String
  package let otherShape: String

  package init(missing: String, otherShape: String) {
    self.missing = missing
    self.otherShape = otherShape
  }
}

/// What became of the parameters and of the file's tensors.
package struct LoadReport: Sendable, Equatable {
  /// Keys of the parameters read.
  package var loaded: [String] = []
  /// Keys of the parameters that the caller must initialise; their values are untouched.
  package var new: [String] = []
  /// Names, as in the file, of tensors that were not used.
  package var ignored: [String] = []
  /// Those of them that lie outside the model, such as another head.
  package var outside: [String] = []
  /// What stands before every name, as `module.`, where transformers has nothing.
  package var prefix: String?
}

extension ModelWeights {
  /// Reads a model's parameters, converting them to 32 bits.
  ///
  /// Older names, another prefix than the family's and tensors beside the model are understood. Anything in the model that
  /// does not fit (missing, unexpected or of another shape) is an error, which lists all of it, and nothing is read.
  /// Parameters of the buffer that are not part of the model (projections) are reported as new.
  /// - Parameter layers: For each layer of the buffer, the file's layer it is read from; by default the same, and all.
  package func load(
    into parameters: ParameterBuffer, head: HeadPolicy, layers: [Int]? = nil, remedies: HeadRemedies? = nil
  ) throws(CheckpointError) -> LoadReport {
    let match = try matching(parameters.layout, head: head, layers: layers, remedies)
    for (entry, tensor) in match.pairs {
      let slot = entry.slot
      let destination = UnsafeMutableBufferPointer(rebasing: parameters.values[slot.offset..<slot.offset + slot.count])
      try tensor.file.read(tensor.description, into: destination)
    }
    return match.report
  }

  /// What `load` would find wrong, before there is memory for the parameters, which a configuration that lies about
  /// its model could ask too much of.
  package func check(
    _ layout: ParameterLayout, head: HeadPolicy, layers: [Int]? = nil, remedies: HeadRemedies? = nil
  ) throws(CheckpointError) {
    _ = try matching(layout, head: head, layers: layers, remedies)
  }

  private func matching(
    _ layout: ParameterLayout, head: HeadPolicy, layers: [Int]?, _ remedies: HeadRemedies?
  ) throws(CheckpointError) -> Matching {
    var match = Matching(layout: layout, head: head, layers: layers, remedies: remedies)
    // Without names that are understood, every parameter would be missing.
    guard match.take(tensors) else { throw CheckpointError(path, match.problems) }
    match.pairEntries()
    match.judgeTheRest()
    guard match.problems.isEmpty else { throw CheckpointError(path, match.problems) }
    return match
  }
}

/// Which tensor of a file is read into which parameter.
private struct Matching {
  let layout: ParameterLayout
  let keys: ModelKeys
  let head: HeadPolicy
  let layers: [Int]?
  let remedies: HeadRemedies?
  private(set) var pairs: [(ParameterLayout.Entry, ModelWeights.Tensor)] = []
  private(set) var report = LoadReport()
  private(set) var problems: [String] = []
  /// The file's tensors by canonical key, until they are paired.
  private var unpaired: [String: ModelWeights.Tensor] = [:]
  private var newHead: Set<String> = []

  init(layout: ParameterLayout, head: HeadPolicy, layers: [Int]?, remedies: HeadRemedies?) {
    self.layout = layout
    keys = ModelKeys(layout)
    self.head = head
    self.layers = layers
    self.remedies = remedies
  }

  /// - Returns: whether the names are those of one model.
  mutating func take(_ tensors: [ModelWeights.Tensor]) -> Bool {
    let sought = keys.all.compactMap(source(of:))
    guard let names = FileKeys(names: tensors.map(\.name), keys: sought, of: keys) else {
      let found = tensors.prefix(3).map(\.name.escapedForDisplay).joined(separator: ", ")
      problems.append(
        "expected tensors such as \(sought.first ?? keys.base), found \(tensors.count) of other names"
          + (found.isEmpty ? "" : " (\(found)\(tensors.count > 3 ? ", …" : ""))")
          + "; is it a model of another kind, or no model?")
      return false
    }
    guard names.rivals.isEmpty else {
      let prefixes = ([names.prefix] + names.rivals).map(\.quoted).joined(separator: " and ")
      problems.append("found a model at each of \(prefixes); write the one that is meant to a file of its own")
      return false
    }
    report.prefix = names.addition
    for tensor in tensors {
      let name = tensor.name
      switch names.meaning(of: name) {
      case .constant: report.ignored.append(name)
      case .outside:
        report.ignored.append(name)
        report.outside.append(name)
      case .parameter(let key) where head == .new && keys.isHead(key): report.ignored.append(name)
      case .parameter(let key):
        guard let other = unpaired.updateValue(tensor, forKey: key) else { continue }
        let names = "\(other.name.escapedForDisplay) and \(name.escapedForDisplay)"
        problems.append("\(key.escapedForDisplay): found twice, as \(names); keep one of them")
      }
    }
    chooseHead()
    return true
  }

  private mutating func chooseHead() {
    switch head {
    case .required: break
    case .newIfMissing, .new:
      // A classifier works on the pooler it was trained with, so the pooler may only be new where the classifier is.
      guard !unpaired.keys.contains(where: keys.isHead) else { break }
      newHead.formUnion(keys.head)
      if !unpaired.keys.contains(where: keys.isPooler) { newHead.formUnion(keys.pooler) }
    case .unread:
      let known = Set(keys.head + keys.pooler)
      let fits = known.allSatisfy { unpaired[$0]?.description.shape == layout[$0]?.shape }
      if !fits { newHead.formUnion(known) }
      for (key, tensor) in unpaired where keys.isHead(key) || keys.isPooler(key) {
        guard !fits || !known.contains(key) else { continue }
        unpaired[key] = nil
        report.ignored.append(tensor.name)
      }
    }
  }

  /// The key of the file's tensor that a parameter is read from.
  private func source(of key: String) -> String? { layers.map { keys.key(key, withLayerFrom: $0) } ?? key }

  mutating func pairEntries() {
    for entry in layout.entries {
      guard entry.role != .projection, !newHead.contains(entry.key) else {
        report.new.append(entry.key)
        continue
      }
      guard let source = source(of: entry.key) else {
        problems.append("\(entry.key): expected one of the file's layers to be picked for it, found \(layers ?? [])")
        continue
      }
      // A layer may be picked twice, so it stays for the next.
      guard let tensor = unpaired[source] else {
        problems.append("\(source): missing" + remedy(source, \.missing, else: Self.otherFile))
        continue
      }
      check(tensor, against: entry, source)
      pairs.append((entry, tensor))
      report.loaded.append(entry.key)
    }
    for (entry, _) in pairs { unpaired[source(of: entry.key) ?? entry.key] = nil }
    // In the file's order, so that reading is sequential.
    pairs.sort {
      ($0.1.file.path, $0.1.description.range.lowerBound) < ($1.1.file.path, $1.1.description.range.lowerBound)
    }
  }

  private mutating func check(_ tensor: ModelWeights.Tensor, against entry: ParameterLayout.Entry, _ source: String) {
    if tensor.description.shape != entry.shape {
      problems.append(
        "\(source): expected \(entry.shape), found \(tensor.description.shape)"
          + remedy(source, \.otherShape, else: Self.otherFile))
    } else if !tensor.description.type.isFloatingPoint {
      problems.append("\(source): expected F32, F16, BF16 or F64, found \(tensor.description.type.rawValue)")
    }
  }

  private static let otherFile = "does config.json belong to this file?"

  private func remedy(_ key: String, _ remedy: KeyPath<HeadRemedies, String>, else other: String) -> String {
    guard keys.isHead(key), let remedies else { return "; " + other }
    return "; " + remedies[keyPath: remedy]
  }

  /// Sorts what was not paired into the ignored and the unexpected.
  mutating func judgeTheRest() {
    for (key, tensor) in unpaired.sorted(by: { $0.key < $1.key }) {
      let name = tensor.name
      if let prefix = keys.layerPrefix, layers != nil, key.hasPrefix(prefix) {
        report.ignored.append(name)
      } else {
        problems.append("\(name.escapedForDisplay): unexpected; \(Self.otherFile)")
      }
    }
    report.ignored.sort()
    report.outside.sort()
  }
}
