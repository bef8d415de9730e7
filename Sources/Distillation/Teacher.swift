import Encoders
import Kernels
import Text

/// Where a stage gets the frozen model's features from.
package protocol TeacherSource: Sendable {
  /// The taps of a micro-batch that the stage's adaptors read, in `arena`. Called by many threads at once.
  func features(of batch: Batch, arena: Arena) -> Taps
}

/// A frozen model, run in evaluation mode on every micro-batch.
package struct LiveTeacher: TeacherSource {
  package let encoder: Encoder
  package let weights: ParameterBuffer
  package let packed: PackedWeights?
  package let taps: TapSelection

  package init(encoder: Encoder, weights: ParameterBuffer, packed: PackedWeights? = nil, taps: TapSelection) {
    self.encoder = encoder
    self.weights = weights
    self.packed = packed
    self.taps = taps
  }

  package func features(of batch: Batch, arena: Arena) -> Taps {
    encoder.infer(batch, weights: weights, packed: packed, taps: taps, arena: arena)
  }
}
