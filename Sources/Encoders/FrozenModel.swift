import Kernels
import Text

/// A model that is run and never trained.
package struct FrozenModel: Sendable {
  package let encoder: Encoder
  /// What it may be asked for: weights that only others need may be gone.
  package let taps: TapSelection
  private let weights: ParameterBuffer
  private let packed: PackedWeights?
  /// What its products round their factors to.
  package var precision: Precision { packed?.precision ?? .float32 }

  package init(_ encoder: Encoder, weights: ParameterBuffer, packed: PackedWeights? = nil, taps: TapSelection) {
    self.encoder = encoder
    self.weights = weights
    self.packed = packed
    self.taps = taps
  }

  /// The taps of a batch, in `arena`.
  package func infer(_ batch: Batch, taps: TapSelection, arena: Arena) -> Taps {
    encoder.infer(batch, weights: weights, packed: packed, taps: taps, arena: arena)
  }
}
