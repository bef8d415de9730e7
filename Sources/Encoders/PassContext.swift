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
  /// Threads that share a forward pass; `nil` where one computes all.
  let team: PassTeam?
  var positionBias: PositionBias?
  /// In a backward pass.
  var dPositionBias: PositionBias?
  var relativePositions: RelativePositions?
  /// In a backward pass: of the rows that `relativePositions` gives.
  var dRelativePositions: Matrix?
  var rotations: [LayerSight: Rotation] = [:]

  init(
    batch: Batch, weights: ParameterBuffer, packed: PackedWeights?, arena: Arena, dropoutKey: DropoutKey? = nil,
    team: PassTeam? = nil
  ) {
    self.batch = batch
    self.weights = weights
    self.packed = packed
    self.arena = arena
    self.dropoutKey = dropoutKey
    self.team = team
  }

  /// A linear map's weight, or some of its rows.
  func weight(_ slot: Slot, rows: Range<Int>? = nil) -> LinearWeight {
    let rows = rows ?? 0..<slot.rows
    return packed?.weight(slot, rows: rows) ?? LinearWeight(weights[slot].rows(rows))
  }

  /// out = input·W + b
  func linear(out: Matrix, input: Matrix, _ slots: AffineSlots) {
    linear(out: out, input: input, weight(slots.weight), bias: slots.bias.map { weights[$0] })
  }

  /// The same with some of a weight's rows, and their bias.
  func linear(out: Matrix, input: Matrix, _ weight: LinearWeight, bias: Matrix?) {
    guard let team else { return linearForward(out: out, input: input, weight: weight, bias: bias, arena: arena) }
    team.linearForward(out: out, input: input, weight: weight, bias: bias, arena: arena)
  }

  /// Calls `body` with all parts, or where threads share the pass with some at a time, and an arena that it may use.
  func share(_ parts: Range<Int>, _ body: @escaping (_ parts: Range<Int>, _ arena: Arena) -> Void) {
    guard let team else { return body(parts, arena) }
    team.share(parts, arena: arena, body)
  }

  /// out = f(input), or with the second half of the input's columns a gate: f(a)·b of (a, b) = input
  func activation(_ activation: Activation, isGated: Bool, out: Matrix, input: Matrix) {
    if let team {
      team.activationForward(activation, isGated: isGated, out: out, input: input, arena: arena)
    } else if isGated {
      gatedActivationForward(activation, out: out, input: input)
    } else {
      activationForward(activation, out: out, input: input)
    }
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
