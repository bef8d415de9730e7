import Kernels

/// What the keys of a layout say of the model that they belong to.
struct ModelKeys {
  /// The name of the attribute that holds the backbone, with its dot: `bert.`.
  let base: String
  /// What stands before a layer's number: `bert.encoder.layer.`.
  let layerPrefix: String?
  /// All of the model's own.
  let all: [String]
  let pooler: [String]
  let head: [String]
  private let headParts: Set<Substring>

  init(_ layout: ParameterLayout) {
    func keys(_ roles: [ParameterRole]) -> [String] {
      layout.entries.filter { roles.contains($0.role) }.map(\.key)
    }
    all = keys([.backbone, .pooler, .head])
    (pooler, head) = (keys([.pooler]), keys([.head]))
    headParts = Set(head.map { firstPart($0[...]) })
    let backbone = keys([.backbone])
    base = backbone.first.map { firstPart($0[...]) + "." } ?? ""
    layerPrefix = backbone.lazy.compactMap(Self.partsBeforeNumber).first
  }

  /// Whether a key is one that a head of this family may have, of whatever shape.
  func isHead(_ key: String) -> Bool { headParts.contains(firstPart(key[...])) }

  func isPooler(_ key: String) -> Bool { pooler.contains(key) }

  /// `bert.encoder.layer.N.rest` with another N; other keys as they are, and `nil` if there is no other N.
  func key(_ key: String, withLayerFrom layers: [Int]) -> String? {
    guard let prefix = layerPrefix, key.hasPrefix(prefix) else { return key }
    let rest = key.dropFirst(prefix.count)
    guard let dot = rest.firstIndex(of: "."), let layer = Int(rest[..<dot]), layers.indices.contains(layer) else {
      return nil
    }
    return "\(prefix)\(layers[layer])\(rest[dot...])"
  }

  private static func partsBeforeNumber(of key: String) -> String? {
    let parts = key.split(separator: ".")
    return parts.firstIndex { Int($0) != nil }.map { parts[..<$0].joined(separator: ".") + "." }
  }
}

/// `embeddings` of `embeddings.LayerNorm.weight`.
private func firstPart(_ key: Substring) -> Substring { key.prefix { $0 != "." } }

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
  private let model: ModelKeys
  private let sought: Set<String>
  /// The backbone's parts, as `embeddings` and `encoder`: an unknown tensor among them means another computation.
  private let parts: Set<Substring>

  /// - Parameter keys: The canonical keys that are sought.
  /// - Returns: `nil` if no name ends in one of the backbone's keys.
  init?(names: [String], keys: [String], of model: ModelKeys) {
    self.model = model
    sought = Set(keys)
    let backbone = Set(keys.lazy.filter { $0.hasPrefix(model.base) }.map { $0.dropFirst(model.base.count) })
    parts = Set(backbone.map(firstPart))
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
    "." + prefix == "." + model.base || prefix.hasSuffix("." + model.base)
      ? String(prefix.dropLast(model.base.count)) : prefix
  }

  func meaning(of name: String) -> Meaning {
    let name = withoutOldNames(name)
    for prefix in [prefix, model.base, ""] where name.hasPrefix(prefix) {
      let rest = name.dropFirst(prefix.count)
      if sought.contains(model.base + rest) { return .parameter(model.base + rest) }
      if Self.constants.contains(String(rest)) { return .constant }
    }
    for prefix in [headPrefix, ""] where name.hasPrefix(prefix) {
      let key = String(name.dropFirst(prefix.count))
      if model.isHead(key) { return .parameter(key) }
    }
    guard name.hasPrefix(prefix) else { return .outside }
    let rest = name.dropFirst(prefix.count)
    // What a classifier of this family does not read.
    if firstPart(rest) == "pooler", !parts.contains("pooler") { return .outside }
    let isInside = prefix != headPrefix || parts.contains(firstPart(rest))
    return isInside ? .parameter(model.base + rest) : .outside
  }

  /// The last is what DeBERTa's files have of models that do not read it.
  private static let constants: Set<String> = [
    "embeddings.position_ids", "embeddings.token_type_ids", "embeddings.position_embeddings.weight",
  ]
}

/// TensorFlow's names, in the oldest files. Only at the end: replacing them anywhere has corrupted other keys.
private func withoutOldNames(_ key: String) -> String {
  for (old, new) in [(".gamma", ".weight"), (".beta", ".bias")] where key.hasSuffix(".LayerNorm" + old) {
    return key.dropLast(old.count) + new
  }
  return key
}
