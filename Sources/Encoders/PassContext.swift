import Kernels
import Text

/// What every part of one pass shares.
struct PassContext {
  let batch: Batch
  let weights: ParameterBuffer
  let packed: PackedWeights?
  let arena: Arena
  /// `nil` in evaluation.
  let dropoutKey: DropoutKey?
  var positionBias: PositionBias?
  /// In a backward pass.
  var dPositionBias: PositionBias?
  var relativePositions: RelativePositions?
  /// In a backward pass: of the rows that `relativePositions` gives.
  var dRelativePositions: Matrix?
  var rotations: [LayerSight: Rotation] = [:]

  /// A linear map's weight, or some of its rows.
  func weight(_ slot: Slot, rows: Range<Int>? = nil) -> LinearWeight {
    let rows = rows ?? 0..<slot.rows
    return packed?.weight(slot, rows: rows) ?? LinearWeight(weights[slot].rows(rows))
  }

  /// out = input·W + b
  func linear(out: Matrix, input: Matrix, _ slots: AffineSlots) {
    linearForward(
      out: out, input: input, weight: weight(slots.weight), bias: slots.bias.map { weights[$0] }, arena: arena)
  }

  /// Adds to the gradients of `slots`; `dInput` is overwritten unless `accumulate`. Forward: out = input·W + b
  func linearBackward(
    dInput: Matrix?, accumulate: Bool = false, dOut: Matrix, input: Matrix, _ slots: AffineSlots,
    _ gradient: ParameterBuffer
  ) {
    let (dWeight, isStale) = gradient.addend(slots.weight)
    Kernels.linearBackward(
      dInput: dInput, accumulate: accumulate, dWeight: dWeight, isStale: isStale,
      dBias: slots.bias.map { gradient[$0] }, dOut: dOut, input: input, weight: weight(slots.weight), arena: arena)
  }

  /// sum += residual, out = LayerNorm(sum)
  func layerNorm(
    out: Matrix, sum: Matrix, residual: Matrix?, _ slots: NormSlots, _ configuration: EncoderConfiguration,
    _ statistics: LayerNormStatistics
  ) {
    layerNormForward(
      out: out, sum: sum, residual: residual, gamma: weights[slots.weight], beta: slots.bias.map { weights[$0] },
      eps: configuration.layerNormEps, statistics: statistics)
  }

  /// Turns the gradient of `out` into that of `sum`, and so of the residual. Forward: out = LayerNorm(sum)
  func layerNormBackward(
    d: Matrix, sum: Matrix, _ slots: NormSlots, _ gradient: ParameterBuffer, _ statistics: LayerNormStatistics
  ) {
    Kernels.layerNormBackward(
      d: d, sum: sum, gamma: weights[slots.weight], dGamma: gradient[slots.weight],
      dBeta: slots.bias.map { gradient[$0] },
      statistics: statistics)
  }
}
