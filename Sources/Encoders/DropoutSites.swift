import Kernels

/// The places in an encoder where dropout applies, numbered so that no two share random numbers.
enum DropoutSite {
  static let embeddings = 0
  static let classifier = 1
  static let classifierInput = 2
  static func attentionProbabilities(layer: Int, head: Int) -> Int { (layer + 1) << 17 | head }
  static func attentionOutput(layer: Int) -> Int { (layer + 1) << 17 | 1 << 16 }
  static func output(layer: Int) -> Int { (layer + 1) << 17 | 1 << 16 | 1 }
  static func innerStates(layer: Int) -> Int { (layer + 1) << 17 | 1 << 16 | 2 }
  static func relativePositions(layer: Int) -> Int { (layer + 1) << 17 | 1 << 16 | 3 }
}
