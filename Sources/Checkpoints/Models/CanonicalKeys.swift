/// What stands before the backbone's keys in a checkpoint of transformers.
private let basePrefix = "bert."

/// How a file's tensor names map to the keys of a layout.
///
/// Whoever wraps a model puts something in front of every name: `module.` (DataParallel), `_orig_mod.` (torch.compile),
/// `model.` (Lightning), the name of an attribute, or nothing where the backbone was saved alone. What it is shows in
/// the names themselves: what stands in front of most of the keys that are sought.
struct FileKeys {
  enum Meaning: Equatable {
    /// A parameter under its canonical key, which the model may have or not.
    case parameter(String)
    /// Numbers that follow from the configuration, once saved as if they were parameters.
    case constant
    /// A tensor beside the model: another head, a projection, a loss's weights.
    case outside
  }

  /// What stands before the backbone's keys, such as `bert.` or `module.bert.`.
  let prefix: String
  /// Others that stand before as many.
  let rivals: [String]
  private let sought: Set<String>
  /// The backbone's parts, as `embeddings` and `encoder`: an unknown tensor among them means another computation.
  private let parts: Set<Substring>

  /// - Parameter keys: The canonical keys that are sought.
  /// - Returns: `nil` if no name ends in one of the backbone's keys.
  init?(names: [String], keys: [String]) {
    sought = Set(keys)
    let backbone = Set(keys.lazy.filter { $0.hasPrefix(basePrefix) }.map { $0.dropFirst(basePrefix.count) })
    parts = Set(backbone.map(Self.firstPart))
    var hits: [Substring: Int] = [:]
    for name in names.map(withoutOldNames) {
      var start = name.startIndex
      // Deeper than anybody wraps a model.
      for _ in 0..<8 {
        if backbone.contains(name[start...]) { hits[name[..<start], default: 0] += 1 }
        guard let dot = name[start...].firstIndex(of: ".") else { break }
        start = name.index(after: dot)
      }
    }
    let ranked = hits.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    guard let best = ranked.first else { return nil }
    prefix = String(best.key)
    rivals = ranked.dropFirst().filter { $0.value == best.value }.map { String($0.key) }
  }

  /// What a user put in front of the names that transformers gives.
  var addition: String? {
    let addition = headPrefix
    return addition.isEmpty ? nil : addition
  }

  /// What stands before the heads' keys, which lie beside the backbone.
  private var headPrefix: String {
    "." + prefix == "." + basePrefix || prefix.hasSuffix("." + basePrefix)
      ? String(prefix.dropLast(basePrefix.count)) : prefix
  }

  func meaning(of name: String) -> Meaning {
    let name = withoutOldNames(name)
    for prefix in [prefix, basePrefix, ""] where name.hasPrefix(prefix) {
      let rest = name.dropFirst(prefix.count)
      if Self.constants.contains(String(rest)) { return .constant }
      if sought.contains(basePrefix + rest) { return .parameter(basePrefix + rest) }
    }
    for prefix in [headPrefix, ""] where name.hasPrefix(prefix) {
      let key = String(name.dropFirst(prefix.count))
      if isClassifierKey(key) { return .parameter(key) }
    }
    guard name.hasPrefix(prefix) else { return .outside }
    let rest = name.dropFirst(prefix.count)
    let isInside = prefix != headPrefix || parts.contains(Self.firstPart(rest))
    return isInside ? .parameter(basePrefix + rest) : .outside
  }

  private static let constants: Set<String> = ["embeddings.position_ids", "embeddings.token_type_ids"]

  private static func firstPart(_ key: Substring) -> Substring { key.prefix { $0 != "." } }
}

/// TensorFlow's names, in the oldest files. Only at the end: replacing them anywhere has corrupted other keys.
private func withoutOldNames(_ key: String) -> String {
  for (old, new) in [(".gamma", ".weight"), (".beta", ".bias")] where key.hasSuffix(".LayerNorm" + old) {
    return key.dropLast(old.count) + new
  }
  return key
}

/// Whether a parameter belongs to the exported model, rather than to its distillation, as projections do.
package func isModelKey(_ key: String) -> Bool { key.hasPrefix(basePrefix) || isClassifierKey(key) }

func isClassifierKey(_ key: String) -> Bool { key.hasPrefix("classifier.") }

func isPoolerKey(_ key: String) -> Bool { key.hasPrefix("bert.pooler.") }

/// `bert.encoder.layer.N.rest` with another N; other keys as they are, and `nil` if there is no other N.
func key(_ key: String, withLayerFrom layers: [Int]) -> String? {
  let prefix = layerPrefix
  guard key.hasPrefix(prefix) else { return key }
  let rest = key.dropFirst(prefix.count)
  guard let dot = rest.firstIndex(of: "."), let layer = Int(rest[..<dot]), layers.indices.contains(layer) else {
    return nil
  }
  return "\(prefix)\(layers[layer])\(rest[dot...])"
}

let layerPrefix = "bert.encoder.layer."
