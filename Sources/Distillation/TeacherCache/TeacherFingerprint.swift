import Encoders
import JSON
import Kernels

/// What makes a teacher's features what they are: every weight, and the configuration that its forward pass reads.
package struct TeacherFingerprint: Sendable {
  let configuration: EncoderConfiguration
  /// Of the SHA-256 of each stretch of the weights as they lie in memory.
  let weights: SHA256
  /// What its products round their factors to.
  let precision: Precision

  package init(
    _ configuration: EncoderConfiguration, weights: ParameterBuffer, precision: Precision = .float32, threads: Int
  ) {
    self.configuration = configuration
    self.precision = precision
    self.weights = weights.digest(threads: threads)
  }

  /// The members of a cache's description; dropout is not among them, as a teacher has none.
  var members: [(String, JSON)] {
    var shape = configuration
    (shape.hiddenDropout, shape.attentionDropout, shape.classifierDropout) = (0, 0, nil)
    (shape.embeddingsDropout, shape.head.inputDropout) = (nil, nil)
    let family = shape.familyMembers
    var members: [(String, JSON)] = [("teacher", .string("\(weights)"))]
    members += zip(family.keys, family.values)
    members.append(("classes", .integer(configuration.labels.count)))
    if configuration.problem == .embedding {
      let vector = configuration.vector
      members.append(("pooling", .string(vector.pooling.rawValue)))
      members.append(("normalized", .bool(vector.normalizes)))
      if let dense = vector.dense { members.append(("dense", .string(dense.activation.rawValue))) }
    }
    if precision != .float32 { members.append(("products", .string(precision.rawValue))) }
    return members
  }
}
