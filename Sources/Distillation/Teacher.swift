import Encoders
import Kernels
import Text

/// A frozen model, run in evaluation mode on every micro-batch.
package struct Teacher: Sendable {
  package let encoder: Encoder
  package let weights: ParameterBuffer

  package init(encoder: Encoder, weights: ParameterBuffer) {
    self.encoder = encoder
    self.weights = weights
  }

  /// The taps of a micro-batch, in `arena`.
  package func features(of batch: Batch, taps: TapSelection, arena: Arena) -> Taps {
    encoder.infer(batch, weights: weights, taps: taps, arena: arena)
  }
}
