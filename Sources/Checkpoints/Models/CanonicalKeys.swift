/// How the tensor names found in BERT checkpoints map to the keys of `BertForSequenceClassification`.
enum CanonicalKey {
  /// A parameter under its canonical key.
  case parameter(String)
  /// A tensor that files carry and a classifier has no use for.
  case ignored

  init(fileKey: String) {
    if fileKey.hasPrefix("cls.") || fileKey.hasPrefix("fit_denses.") {
      // Pre-training heads, and TinyBERT's projections onto its teacher's width.
      self = .ignored
      return
    }
    let headless = ["embeddings.", "encoder.", "pooler."].contains { fileKey.hasPrefix($0) }
    var key = headless ? "bert." + fileKey : fileKey
    if key == "bert.embeddings.position_ids" {
      // 0, 1, 2…, once saved as if it were a parameter.
      self = .ignored
      return
    }
    // TensorFlow's names, in the oldest files. Only at the end: replacing them anywhere has corrupted other keys.
    for (old, new) in [(".gamma", ".weight"), (".beta", ".bias")] where key.hasSuffix(".LayerNorm" + old) {
      key = key.dropLast(old.count) + new
    }
    self = .parameter(key)
  }
}

/// Whether a parameter belongs to the exported model, rather than to its distillation, as projections do.
package func isModelKey(_ key: String) -> Bool { key.hasPrefix("bert.") || isClassifierKey(key) }

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
