import Collectives
import Distillation
import Encoders
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

@testable import Training

struct GradientSharesTests {
  /// The student of the gradient goldens with the labels and `HidnTinyBERT`, on the goldens' batch.
  private struct Stage {
    let data: PackedRows
    let updated: UpdatedParameters
    let weights: ParameterBuffer
    let step: GradientStep
    let teacher: LiveTeacher
    private let teacherWeights: ParameterBuffer

    init(adaptors: [(name: String, weight: Double)], update: (String) -> Bool = { _ in true }) throws {
      let batches = try GoldenFixtures.json("forward/batches.json").elements
      data = try PackedRows([try #require(batches.first { $0["name"] == "uneven" })])
      let (teacher, teacherWeights) = try GoldenFixtures.model("teacher")
      self.teacherWeights = teacherWeights
      var layout = ParameterLayout()
      let student = Encoder(try GoldenFixtures.configuration("student"), layout: &layout)
      let made = try adaptors.map { name, weight in
        var settings = try GoldenFixtures.require(AdaptorSettings(named: name))
        settings.weight = weight
        return try settings.makeAdaptor(
          name: name, student: student.configuration, teacher: teacher.configuration, layout: &layout)
      }
      weights = ParameterBuffer(layout)
      try GoldenFixtures.load("student", into: weights)
      let objective = StageObjective(task: TaskSettings(), labelWeight: 1, adaptors: made)
      self.teacher = LiveTeacher(
        FrozenModel(teacher, weights: teacherWeights, taps: objective.teacherTaps), taps: objective.teacherTaps)
      updated = UpdatedParameters(layout) { update($0.key) }
      step = GradientStep(
        student: student, teacher: self.teacher, objective: objective, weights: weights,
        places: try Places(pool: WorkerPool(workers: 1), ranks: SingleProcess()))
    }

    func shares() -> GradientShares? {
      step.shares(
        stage: "a", step: 3, samples: Array(0..<data.dataset.count), data: data.dataset, teacher: teacher,
        updated: updated
      ) { gradient, rows in
        let ranges = updated.wholeRanges + rows.map(updated.range(ofRow:))
        return ranges.reduce(0) { $0 + sumOfSquares(UnsafeBufferPointer(gradient.values[part: $1])) }.squareRoot()
      }
    }
  }

  private func norm(ofGolden name: String, where isMeant: (String) -> Bool = { _ in true }) throws -> Double {
    try GoldenFixtures.tensors("gradients/\(name).safetensors").reduce(0) { sum, tensor in
      guard tensor.key.hasPrefix("gradient."), isMeant(String(tensor.key.dropFirst(9))) else { return sum }
      return tensor.value.reduce(sum) { $0 + Double($1) * Double($1) }
    }.squareRoot()
  }

  @Test("shares are those of PyTorch's gradients, with the terms' weights")
  func agreesWithPyTorch() throws {
    for (weight, isMeant) in [(1.0, { _ in true }), (0.25, { $0.contains("layer.0.") })] as [(Double, (String) -> Bool)]
    {
      let shares = try #require(
        try Stage(adaptors: [("HidnTinyBERT", weight)], update: isMeant).shares())
      let hard = try norm(ofGolden: "hard-gelu", where: isMeant)
      let hidden = weight * (try norm(ofGolden: "HidnTinyBERT-equal-width", where: isMeant))
      #expect(shares.terms.map(\.name) == ["hard", "HidnTinyBERT"] && shares.step == 3)
      #expect(abs(shares.terms[0].parameters - hard / (hard + hidden)) < 1e-5)
      #expect(abs(shares.terms[1].parameters - hidden / (hard + hidden)) < 1e-5)
      #expect(abs(shares.terms.reduce(0) { $0 + $1.lastHidden } - 1) < 1e-12)
    }
  }

  @Test("attention does not reach the last hidden states, and too small a weight is told with a better one")
  func findsSilentTerms() throws {
    let terms = try #require(try Stage(adaptors: [("AttnMiniLM", 1e-4), ("LogitCE", 1)]).shares()).terms
    #expect(terms[1].lastHidden == 0 && terms[1].isSilent && !terms[0].isSilent && !terms[2].isSilent)
    let better = try #require(
      try Stage(adaptors: [("AttnMiniLM", terms[1].suggestedWeight), ("LogitCE", 1)]).shares()
    ).terms
    #expect(abs(better[1].parameters - 0.1) < 1e-4)
  }

  @Test("one term has nothing to be compared with")
  func needsTwoTerms() throws {
    #expect(try Stage(adaptors: []).shares() == nil)
    #expect(try Stage(adaptors: [("LogitMSE", 0)]).shares() == nil)
  }

  @Test("a step is the same to the last bit whether shares were measured before or not")
  func changesNothing() throws {
    let stage = try Stage(adaptors: [("AttnMiniLM", 1), ("LogitMSE", 1)])
    func gradient() throws -> [Float] {
      let result = try stage.step.run(
        samples: stage.data.batches[0], data: stage.data.dataset, microBatches: .count(2),
        dropout: DropoutKey(seed: 1, step: 2), updated: stage.updated)
      let ranges = stage.updated.wholeRanges + result.rows.map(stage.updated.range(ofRow:))
      return ranges.flatMap { Array(stage.step.gradient.values[part: $0]) }
    }
    let weights = Array(stage.weights.values)
    let before = try gradient()
    #expect(stage.shares() != nil)
    #expect(try gradient() == before && Array(stage.weights.values) == weights)
  }
}
