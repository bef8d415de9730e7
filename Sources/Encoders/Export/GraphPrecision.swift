/// What an exported graph's numbers are.
package enum GraphPrecision: String, Sendable, CaseIterable {
  case float32
  /// Weights, and what is computed, in 16-bit floats; logits are 32-bit.
  case float16
  /// Weights in 8 bits with a scale for each output, and what they multiply in 8 bits with a scale for each batch; all
  /// else in 32-bit floats.
  case int8
}
