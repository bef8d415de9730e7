import Encoders
import JSON
import Kernels

/// What makes a teacher's features what they are: every weight, and the configuration that its forward pass reads.
package struct TeacherFingerprint: Sendable {
  let configuration: EncoderConfiguration
  /// Of the SHA-256 of each stretch of the weights as they lie in memory.
  let weights: SHA256

  package init(_ configuration: EncoderConfiguration, weights: ParameterBuffer, threads: Int) {
    self.configuration = configuration
    self.weights = weights.digest(threads: threads)
  }

  /// The members of a cache's description; dropout is not among them, as a teacher has none.
  var members: [(String, JSON)] {
    [
      ("teacher", .string("\(weights)")), ("hidden_size", .integer(configuration.hiddenSize)),
      ("num_hidden_layers", .integer(configuration.layers)), ("num_attention_heads", .integer(configuration.heads)),
      ("intermediate_size", .integer(configuration.intermediateSize)),
      ("hidden_act", .string(configuration.activation.rawValue)),
      ("layer_norm_eps", .number(Double(configuration.layerNormEps))),
      ("classes", .integer(configuration.labels.count)),
    ]
  }
}
