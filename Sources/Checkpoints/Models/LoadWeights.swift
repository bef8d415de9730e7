import JSON
import Kernels

/// What to do about the classification head: the classifier, and where files lack it the pooler.
package enum HeadPolicy: String, Sendable, CaseIterable {
  /// The file must have it.
  case required
  /// Start a new one if the file has none; one of another shape is an error.
  case newIfMissing
  /// Start a new one whatever the file has; a pooler is kept.
  case new
}

/// What became of the parameters and of the file's tensors.
package struct LoadReport: Sendable, Equatable {
  /// Keys of the parameters read.
  package var loaded: [String] = []
  /// Keys of the parameters that the caller must initialise; their values are untouched.
  package var new: [String] = []
  /// Names, as in the file, of tensors that were not used.
  package var ignored: [String] = []
}

extension ModelWeights {
  /// Reads the parameters of a `BertForSequenceClassification`, converting them to 32 bits.
  ///
  /// Older names, a missing `bert.` prefix and the heads of pre-training are understood. Anything else that does not
  /// fit (missing, unexpected or of another shape) is an error, which lists all of it, and nothing is read.
  /// Parameters of the buffer that are not part of the model (projections) are reported as new.
  /// - Parameter layers: For each layer of the buffer, the file's layer it is read from; by default the same, and all.
  package func load(
    into parameters: ParameterBuffer, head: HeadPolicy, layers: [Int]? = nil
  ) throws(CheckpointError) -> LoadReport {
    let match = try matching(parameters.layout, head: head, layers: layers)
    for (entry, tensor) in match.pairs {
      let slot = entry.slot
      let destination = UnsafeMutableBufferPointer(rebasing: parameters.values[slot.offset..<slot.offset + slot.count])
      try tensor.file.read(tensor.description, into: destination)
    }
    return match.report
  }

  /// What `load` would find wrong, before there is memory for the parameters, which a configuration that lies about
  /// its model could ask too much of.
  package func check(_ layout: ParameterLayout, head: HeadPolicy, layers: [Int]? = nil) throws(CheckpointError) {
    _ = try matching(layout, head: head, layers: layers)
  }

  private func matching(
    _ layout: ParameterLayout, head: HeadPolicy, layers: [Int]?
  ) throws(CheckpointError) -> Matching {
    var match = Matching(layout: layout, head: head, layers: layers)
    match.take(tensors)
    match.pairEntries()
    match.judgeTheRest()
    guard match.problems.isEmpty else { throw CheckpointError(path, match.problems) }
    return match
  }
}

/// Which tensor of a file is read into which parameter.
private struct Matching {
  let layout: ParameterLayout
  let head: HeadPolicy
  let layers: [Int]?
  private(set) var pairs: [(ParameterLayout.Entry, ModelWeights.Tensor)] = []
  private(set) var report = LoadReport()
  private(set) var problems: [String] = []
  /// The file's tensors by canonical key, until they are paired.
  private var unpaired: [String: ModelWeights.Tensor] = [:]
  private var newHead: Set<String> = []

  init(layout: ParameterLayout, head: HeadPolicy, layers: [Int]?) {
    self.layout = layout
    self.head = head
    self.layers = layers
  }

  mutating func take(_ tensors: [ModelWeights.Tensor]) {
    for tensor in tensors {
      let name = tensor.description.name
      guard case .parameter(let key) = CanonicalKey(fileKey: name), !(head == .new && isClassifierKey(key)) else {
        report.ignored.append(name)
        continue
      }
      if let other = unpaired.updateValue(tensor, forKey: key) {
        let names = "\(other.description.name.escapedForDisplay) and \(name.escapedForDisplay)"
        problems.append("\(key.escapedForDisplay): found twice, as \(names)")
      }
    }
    // A classifier works on the pooler it was trained with, so the pooler may only be new where the classifier is.
    if head != .required && !unpaired.keys.contains(where: isClassifierKey) {
      newHead.formUnion(layout.entries.map(\.key).filter(isClassifierKey))
      if !unpaired.keys.contains(where: isPoolerKey) {
        newHead.formUnion(layout.entries.map(\.key).filter(isPoolerKey))
      }
    }
  }

  mutating func pairEntries() {
    for entry in layout.entries {
      guard isModelKey(entry.key), !newHead.contains(entry.key) else {
        report.new.append(entry.key)
        continue
      }
      guard let source = layers.map({ key(entry.key, withLayerFrom: $0) }) ?? entry.key else {
        problems.append("\(entry.key): expected one of the file's layers to be picked for it, found \(layers ?? [])")
        continue
      }
      // A layer may be picked twice, so it stays for the next.
      guard let tensor = unpaired[source] else {
        problems.append(
          "\(source): missing"
            + (isClassifierKey(source) ? "; fine-tune the model first, or start a new head with student.head: new" : "")
        )
        continue
      }
      check(tensor, against: entry, source)
      pairs.append((entry, tensor))
      report.loaded.append(entry.key)
    }
    for (entry, _) in pairs { unpaired[layers.flatMap { key(entry.key, withLayerFrom: $0) } ?? entry.key] = nil }
    // In the file's order, so that reading is sequential.
    pairs.sort {
      ($0.1.file.path, $0.1.description.range.lowerBound) < ($1.1.file.path, $1.1.description.range.lowerBound)
    }
  }

  private mutating func check(_ tensor: ModelWeights.Tensor, against entry: ParameterLayout.Entry, _ source: String) {
    if tensor.description.shape != entry.shape {
      let remedy =
        isClassifierKey(source) ? "; set task.labels or student.head: new" : "; does config.json belong to this file?"
      problems.append("\(source): expected \(entry.shape), found \(tensor.description.shape)\(remedy)")
    } else if !tensor.description.type.isFloatingPoint {
      problems.append("\(source): expected F32, F16, BF16 or F64, found \(tensor.description.type.rawValue)")
    }
  }

  /// Sorts what was not paired into the ignored and the unexpected.
  mutating func judgeTheRest() {
    for (key, tensor) in unpaired.sorted(by: { $0.key < $1.key }) {
      let name = tensor.description.name
      if layers != nil && key.hasPrefix(layerPrefix) {
        report.ignored.append(name)
      } else {
        problems.append("\(name.escapedForDisplay): unexpected; expected a BertForSequenceClassification")
      }
    }
    report.ignored.sort()
  }
}
