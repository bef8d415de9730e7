import Distillation
import Encoders
import GoldenFixtures
import Kernels
import Testing
import Text

/// The backward pass of a whole student against differences of its loss, with dropout: PyTorch's goldens have none,
/// as its masks are its own.
struct FiniteDifferenceTests {
  struct Objective: Sendable, CustomTestStringConvertible {
    let student: String
    var labelWeight = 0.0
    var adaptor: String?
    var options: [String: AdaptorOptionValue] = [:]

    var testDescription: String { "\(adaptor ?? "hard") \(options), \(student)" }
  }

  static let objectives: [Objective] =
    ["student", "student-narrow"].flatMap { student in
      [
        Objective(student: student, labelWeight: 1),
        Objective(student: student, adaptor: "AttnTinyBERT", options: ["on": .word("scores")]),
        Objective(student: student, adaptor: "AttnSumTinyBERT", options: ["on": .word("scores")]),
        Objective(student: student, adaptor: "LogitMSE", options: ["on": .word("probabilities")]),
        Objective(student: student, adaptor: "LogitMSE", options: ["on": .word("argmax")]),
        Objective(student: student, adaptor: "HidnTinyBERT", options: ["projection": .word("tanh")]),
        Objective(student: student, adaptor: "HidnCosine", options: ["projection": .word("relu")]),
      ]
        + AdaptorKind.all.map { kind in
          let heads: [String: AdaptorOptionValue] = kind.name == "RelationMiniLM" ? ["heads": .integer(9)] : [:]
          return Objective(student: student, adaptor: kind.name, options: heads)
        }
    }

  @Test("the gradient under dropout is the loss's slope", arguments: objectives)
  func gradients(objective: Objective) throws {
    let step = try Step(objective)
    let gradient = ParameterBuffer(step.weights.layout)
    defer { withExtendedLifetime((step, gradient)) {} }
    _ = step.loss(gradient: gradient)
    let whole = sumOfSquares(UnsafeBufferPointer(gradient.values)).squareRoot()
    #expect(whole > 1e-3)
    var generator = Numbers(state: 42)
    for entry in step.weights.layout.entries {
      let values = step.weights[entry.slot].values
      let slopes = gradient[entry.slot].values
      let norm = sumOfSquares(UnsafeBufferPointer(slopes)).squareRoot()
      // All elements at once, up or down at random, then some of their own.
      let all = values.indices.map { _ in
        Float(Bool.random(using: &generator) ? 1 : -1) / Float(values.count).squareRoot()
      }
      let single = (0..<3).map { _ in
        let chosen = Int.random(in: 0..<values.count, using: &generator)
        return values.indices.map { $0 == chosen ? 1 : 0 as Float }
      }
      for direction in [all] + single {
        let expected = zip(slopes, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let found = step.slope(along: direction, of: values)
        // Losses are sums of 32-bit numbers: the difference of two near 1 over a step of 1/100 is good to 1e-5 or so.
        #expect(
          abs(found - expected) <= 0.01 * norm + 2e-4 * whole,
          "\(entry.key): \(found), not \(expected) (norm \(norm) of \(whole))")
      }
    }
  }

  /// A tap by itself; layer 2 is the student's highest, of which the head reads only first tokens.
  static let idleTaps: [TapSelection] =
    Tap.Kind.allCases.map { TapSelection($0, layers: [$0.isOfHead ? 0 : 2]) } + [
      TapSelection(.scores, layers: [1, 2]).union(TapSelection(.values, layers: [1, 2]))
    ]

  @Test("a tap that no loss reads changes no gradient", arguments: idleTaps)
  func idleTap(taps: TapSelection) throws {
    let step = try Step(Objective(student: "student", labelWeight: 1))
    let (plain, tapped) = (ParameterBuffer(step.weights.layout), ParameterBuffer(step.weights.layout))
    defer { withExtendedLifetime((step, plain, tapped)) {} }
    #expect(abs(step.loss(gradient: plain) - step.loss(gradient: tapped, alsoTapping: taps)) < 1e-6)
    let worst = zip(plain.values, tapped.values).map { abs($0 - $1) }.max() ?? .infinity
    #expect(worst < 1e-6)
  }

  /// One evaluation of an objective with fixed masks.
  private struct Step {
    let weights: ParameterBuffer
    private let student: Encoder
    private let teacher: Encoder
    private let teacherWeights: ParameterBuffer
    private let adaptors: [WeightedAdaptor]
    private let labelWeight: Double
    private let batch: Batch

    /// Those of sentence vectors, which belong to a task of their own.
    private static let ofVectors = ["EmbeddingMSE", "EmbeddingCosine", "SimilarityMSE"]

    init(_ objective: Objective) throws {
      var (shape, configuration) = (
        try GoldenFixtures.configuration("teacher"), try GoldenFixtures.configuration(objective.student)
      )
      let hasVectors = objective.adaptor.map(Self.ofVectors.contains) ?? false
      let isRanked = objective.adaptor == "MarginMSE"
      if hasVectors { (shape.problem, configuration.problem) = (.embedding, .embedding) }
      if isRanked {
        (shape.problem, configuration.problem) = (.pairs, .pairs)
        (shape.labels, configuration.labels) = (["score"], ["score"])
      }
      var teacherLayout = ParameterLayout()
      teacher = Encoder(shape, layout: &teacherLayout)
      teacherWeights = ParameterBuffer(teacherLayout)
      try GoldenFixtures.loadFirstOutputs(of: "teacher", into: teacherWeights)
      configuration.hiddenDropout = 0.2
      configuration.attentionDropout = 0.3
      configuration.classifierDropout = 0.1
      var layout = ParameterLayout()
      student = Encoder(configuration, layout: &layout)
      adaptors = try [objective.adaptor].compactMap { $0 }.map { name in
        var settings = try GoldenFixtures.require(AdaptorSettings(named: name))
        for (key, value) in objective.options { settings[key] = value }
        return try settings.makeAdaptor(
          name: name, student: configuration, teacher: shape, layout: &layout)
      }
      weights = ParameterBuffer(layout)
      try GoldenFixtures.loadFirstOutputs(of: objective.student, into: weights)
      let projections = layout.entries.filter { $0.role == .projection }
      weights.initialize(projections, seed: 5)
      // Larger than a run starts from, so that their gradients are.
      for entry in projections {
        let values = weights[entry.slot].values
        for index in values.indices { values[index] *= 15 }
      }
      labelWeight = objective.labelWeight
      var batch = try GoldenFixtures.batch(GoldenFixtures.json("forward/batches.json").elements[0])
      if isRanked { (batch.groups, batch.values) = ([0, 0, 1, 0], [1, 0, 0, 0.5]) }
      self.batch = batch
    }

    /// Adds to `gradient` where one is given.
    func loss(gradient: ParameterBuffer?, alsoTapping others: TapSelection = TapSelection()) -> Double {
      let arena = Arena()
      defer { withExtendedLifetime(arena) {} }
      let counts = GlobalCounts(lengths: (0..<batch.sentences).map(batch.length), margins: batch.groups.isEmpty ? 0 : 3)
      var taps = others
      var teacherTaps = TapSelection()
      if labelWeight != 0 { taps.insert(.logits) }
      for weighted in adaptors {
        taps.formUnion(weighted.adaptor.studentTaps)
        teacherTaps.formUnion(weighted.adaptor.teacherTaps)
      }
      let features = teacher.infer(batch, weights: teacherWeights, taps: teacherTaps, arena: arena)
      let pass = student.forward(
        batch, weights: weights, taps: taps, arena: arena, dropout: DropoutKey(seed: 3, step: 9))
      let d = gradient.map { _ in pass.makeGradients() }
      var loss = 0.0
      if labelWeight != 0 {
        let scale = labelWeight / Double(counts.sentences)
        loss +=
          scale
          * crossEntropy(
            logits: pass.taps.matrix(.logits), labels: batch.labels, dLogits: d?.matrix(.logits), scale: scale,
            arena: arena)
      }
      for weighted in adaptors {
        let scale = weighted.weight / weighted.adaptor.count(counts)
        let pair = TapPair(
          batch: batch, teacher: features, student: pass.taps, dStudent: d, weights: weights, gradient: gradient,
          arena: arena)
        loss += scale * weighted.adaptor.accumulate(pair, scale: scale)
      }
      if let d, let gradient { pass.backward(d, gradient: gradient, headOnly: false) }
      return loss
    }

    /// The loss's slope where `values` move along `direction`, from differences at a step and at half of it, whose
    /// errors of third order cancel (Richardson).
    func slope(along direction: [Float], of values: UnsafeMutableBufferPointer<Float>) -> Double {
      let original = Array(values)
      defer { _ = values.update(fromContentsOf: original) }
      func difference(_ step: Float) -> Double {
        func loss(_ sign: Float) -> Double {
          for index in values.indices { values[index] = original[index] + sign * step * direction[index] }
          return self.loss(gradient: nil)
        }
        return (loss(1) - loss(-1)) / (2 * Double(step))
      }
      return (4 * difference(0.01) - difference(0.02)) / 3
    }
  }

  /// The same numbers in every run (Marsaglia's xorshift).
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }
}
