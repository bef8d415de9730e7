import Encoders
import Kernels

/// Bias-free linear maps from the student's width to the teacher's: parameters of the run, but not of the exported
/// student. One shared by an adaptor's layers, one for each, or none.
struct Projections: Sendable {
  /// (teacher width, student width) each: none, one, or one a pair.
  private let slots: [Slot]

  /// Appends what `settings` asks for to `layout`, under `projection.<name>.weight` or `projection.<name>.<i>.weight`.
  init(
    _ settings: AdaptorSettings, name: String, pairs: Int, student: EncoderConfiguration,
    teacher: EncoderConfiguration, layout: inout ParameterLayout
  ) throws {
    let differ = student.hiddenSize != teacher.hiddenSize
    if settings.projection == .never && differ {
      throw AdaptorError(
        name,
        "projection: never needs equal widths, found a student of \(student.hiddenSize) and a teacher of "
          + "\(teacher.hiddenSize); use auto")
    }
    guard settings.projection == .always || differ else {
      slots = []
      return
    }
    let names = settings.perLayer ? (0..<pairs).map { "\(name).\($0)" } : [name]
    slots = names.map {
      layout.add(
        "projection.\($0).weight", [teacher.hiddenSize, student.hiddenSize], role: .projection,
        initializer: .normal(deviation: 0.02), decays: true)
    }
  }

  private func slot(_ pair: Int) -> Slot? { slots.isEmpty ? nil : slots[slots.count == 1 ? 0 : pair] }

  /// x·Wᵀ, or x itself where there is no projection. x: (rows, student width); result: (rows, teacher width).
  func forward(_ x: Matrix, pair: Int, _ context: TapPair) -> Matrix {
    guard let slot = slot(pair) else { return x }
    let out = context.arena.matrix(x.rows, slot.rows)
    linearForward(out: out, input: x, weight: LinearWeight(context.weights[slot]), bias: nil, arena: context.arena)
    return out
  }

  /// Adds to `dX`, and to the projection's gradient, given that of `forward`'s result. Forward: out = x·Wᵀ.
  func backward(dX: Matrix, d: Matrix, x: Matrix, pair: Int, gradient: ParameterBuffer, _ context: TapPair) {
    guard let slot = slot(pair) else { return add(d, to: dX) }
    linearBackward(
      dInput: dX, accumulate: true, dWeight: gradient[slot], dBias: nil, dOut: d, input: x,
      weight: context.weights[slot], arena: context.arena)
  }
}
