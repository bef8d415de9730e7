import Encoders
import Kernels

/// Maps from the student's width to the teacher's: parameters of the run, but not of the exported student. One shared by
/// an adaptor's layers, one for each, or none.
struct Projections: Sendable {
  /// When there is one, and of which form.
  private enum Form: String, CaseIterable {
    /// Linear without a bias, where the widths differ.
    case auto
    /// Linear without a bias.
    case always
    /// None; differing widths are an error.
    case never
    /// x·Wᵀ + b, and a function of it.
    case linear, relu, tanh
  }

  static let form = AdaptorOption(
    "projection", .word(Form.allCases.map(\.rawValue)), default: .word(Form.auto.rawValue),
    "a map from the student's width to the teacher's: `auto` a linear one where they differ, `always` in any case, "
      + "`linear`, `relu` and `tanh` one with a bias, and that function of it")
  static let perLayer = AdaptorOption(
    "perLayer", .flag, default: .flag(false), "a projection for each layer pair")
  static let learningRate = AdaptorOption(
    "projectionLearningRate", .optionalNumber(above: 0, atMost: 100), default: .none,
    "the projections' own peak learning rate, in place of the stage's")

  private struct Map: Sendable {
    /// (teacher width, student width)
    let weight: Slot
    let bias: Slot?
  }

  private let form: Form
  /// None, one, or one a pair.
  private let maps: [Map]

  /// Appends what the settings ask for to the layout, under `projection.<name>.weight`, or
  /// `projection.<name>.<i>.weight` for each pair.
  ///
  /// - Parameter width: of a model, what is carried.
  init(
    pairs: Int, of width: (EncoderConfiguration) -> Int = \.hiddenSize, _ context: inout AdaptorContext
  ) throws {
    let (student, teacher) = (width(context.student), width(context.teacher))
    let settings = context.settings
    form = settings.word(Self.form)
    if form == .never && student != teacher {
      throw AdaptorError(
        context.name,
        "projection: never needs equal widths, found a student of \(student) and a teacher of \(teacher); use auto")
    }
    guard form == .auto ? student != teacher : form != .never else {
      maps = []
      return
    }
    let hasBias = form != .auto && form != .always
    let isPerLayer = settings.kind.options.contains { $0.key == Self.perLayer.key } && settings.flag(Self.perLayer)
    let rate = settings.optionalNumber(Self.learningRate)
    let names = isPerLayer ? (0..<pairs).map { "\(context.name).\($0)" } : [context.name]
    maps = names.map { name in
      let weight = context.layout.add(
        "projection.\(name).weight", [teacher, student], role: .projection, initializer: .normal(deviation: 0.02),
        decays: true, learningRate: rate)
      let bias =
        hasBias
        ? context.layout.add(
          "projection.\(name).bias", [teacher], role: .projection, decays: false, learningRate: rate) : nil
      return Map(weight: weight, bias: bias)
    }
  }

  var isEmpty: Bool { maps.isEmpty }

  private func map(_ pair: Int) -> Map? { maps.isEmpty ? nil : maps[maps.count == 1 ? 0 : pair] }

  /// f(x·Wᵀ + b), or x itself where there is no projection. x: (rows, student width); result: (rows, teacher width).
  func forward(_ x: Matrix, pair: Int, _ context: TapPair) -> Matrix {
    guard let map = map(pair) else { return x }
    let out = context.arena.matrix(x.rows, map.weight.rows)
    linearForward(
      out: out, input: x, weight: LinearWeight(context.weights[map.weight], precision: context.precision),
      bias: map.bias.map { context.weights[$0] }, arena: context.arena)
    switch form {
    case .relu: activationForward(.relu, out: out, input: out)
    case .tanh: tanhForward(out)
    case .auto, .always, .never, .linear: break
    }
    return out
  }

  /// Adds to `dX`, and to the projection's gradient, given that of `forward`'s result, which is used up.
  func backward(
    dX: Matrix, d: Matrix, output: Matrix, x: Matrix, pair: Int, gradient: ParameterBuffer, _ context: TapPair
  ) {
    guard let map = map(pair) else { return add(d, to: dX) }
    // output = f(x·Wᵀ + b); where the output is positive, so is relu's input.
    switch form {
    case .relu: activationBackward(.relu, d: d, input: output)
    case .tanh: tanhBackward(d: d, output: output)
    case .auto, .always, .never, .linear: break
    }
    linearBackward(
      dInput: dX, accumulate: true, dWeight: gradient[map.weight], dBias: map.bias.map { gradient[$0] }, dOut: d,
      input: x, weight: LinearWeight(context.weights[map.weight], precision: context.precision),
      arena: context.arena)
  }

  /// Of so many rows and maps.
  func work(rows: Double, pairs: Int, backward: Bool) -> NecessaryWork {
    var work = NecessaryWork()
    if let map = maps.first {
      work.linear = Double(pairs) * NecessaryWork.linear(rows, map.weight.rows, map.weight.columns, backward: backward)
    }
    return work
  }
}
