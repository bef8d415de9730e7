import Collectives
import Distillation
import Encoders
import GoldenFixtures
import Kernels
import Testing
import Text

@testable import Training

/// Gradients summed over ranks while backward passes are under way.
struct GradientSumTests {
  struct Places: Sendable, CustomTestStringConvertible {
    let ranks: Int
    let workers: Int

    var testDescription: String { "\(ranks) ranks × \(workers) workers" }
  }

  static let places = [(1, 2), (2, 1), (2, 2), (3, 1), (4, 2), (7, 1)].map { Places(ranks: $0, workers: $1) }

  /// What a rank has after some steps with dropout and a teacher: the last step's gradient, where there is one, and all
  /// losses.
  struct Outcome: Equatable, Sendable {
    var gradient: [Float] = []
    var losses: [Double] = []
  }

  private static func outcome(
    on ranks: any Communicator, workers: Int, microBatches: TrainingSettings.MicroBatches, leastSegment: Int,
    wire: WirePrecision, summedBy method: SumMethod = .tree, update: @escaping @Sendable (String) -> Bool
  ) throws -> Outcome {
    let data = try PackedRows(GoldenFixtures.json("steps/batches.json").elements)
    let (teacher, teacherWeights) = try GoldenFixtures.model("teacher")
    var layout = ParameterLayout()
    let student = Encoder(try GoldenFixtures.configuration("student"), layout: &layout)
    // One that reads inside the layers, and one with a projection.
    let adaptors = try ["AttnMiniLM", "EmbdTinyBERT"].map { name in
      var settings = try GoldenFixtures.require(AdaptorSettings(named: name))
      if name == "EmbdTinyBERT" { settings["projection"] = .word("always") }
      return try settings.makeAdaptor(
        name: name, student: student.configuration, teacher: teacher.configuration, layout: &layout)
    }
    let weights = ParameterBuffer(layout)
    defer { withExtendedLifetime(weights) {} }
    try GoldenFixtures.load("student", into: weights)
    let objective = StageObjective(task: TaskSettings(), labelWeight: 1, adaptors: adaptors)
    let step = GradientStep(
      student: student,
      teacher: LiveTeacher(
        FrozenModel(teacher, weights: teacherWeights, taps: objective.teacherTaps), taps: objective.teacherTaps),
      objective: objective, weights: weights,
      places: try Training.Places(pool: WorkerPool(workers: workers), ranks: ranks), wire: wire,
      summedBy: method, leastSegment: leastSegment)
    let updated = UpdatedParameters(layout) { update($0.key) }
    var outcome = Outcome()
    for index in data.batches.indices {
      let next = index + 1 < data.batches.count ? data.batches[index + 1] : nil
      let result = try step.run(
        samples: data.batches[index], next: next, data: data.dataset, microBatches: microBatches,
        dropout: DropoutKey(seed: 1, step: UInt32(index)), updated: updated)
      outcome.losses.append(result.losses.total)
      outcome.gradient = (updated.wholeRanges + result.rows.map(updated.range(ofRow:))).flatMap {
        Array(step.gradient.values[$0])
      }
    }
    return outcome
  }

  @Test("the sum has the same bits on any places, in any segments", arguments: places, [1, 5000, .max])
  func sameBits(places: Places, leastSegment: Int) throws {
    for isWhole in [true, false] {
      // Some parameters of every other segment, and micro-batches that do not divide.
      let microBatches = isWhole ? 8 : 5
      let update: @Sendable (String) -> Bool = { isWhole || $0.contains("layer.1.") || $0.contains("word") }
      let alone = try Self.outcome(
        on: SingleProcess(), workers: 1, microBatches: .count(microBatches), leastSegment: .max, wire: .float32,
        update: update)
      try #require(!alone.gradient.isEmpty && alone.gradient.contains { $0 != 0 })
      let outcomes = try ThreadRanks.run(places.ranks) {
        try Self.outcome(
          on: $0, workers: places.workers, microBatches: .count(microBatches), leastSegment: leastSegment,
          wire: .float32, update: update)
      }
      #expect(outcomes.allSatisfy { $0 == alone })
    }
  }

  @Test("summed where it lies or packed, the sum has the same bits on every rank", arguments: 2...7)
  func inPlace(ranks: Int) throws {
    func outcomes(leastSegment: Int) throws -> [Outcome] {
      try ThreadRanks.run(ranks) {
        try Self.outcome(
          on: $0, workers: 1, microBatches: .auto, leastSegment: leastSegment, wire: .float32, update: { _ in true })
      }
    }
    let packed = try outcomes(leastSegment: .max)
    for leastSegment in [1, 5000] {
      #expect(try outcomes(leastSegment: leastSegment).allSatisfy { $0 == packed[0] })
    }
  }

  @Test("summed by the library, every rank has the same sum, nearly the tree's", arguments: [1, 2, 3], [5000, .max])
  func byLibrary(ranks: Int, leastSegment: Int) throws {
    // Ranks of five micro-batches have several terms each, or none.
    for microBatches in [TrainingSettings.MicroBatches.auto, .count(5), .count(1)] {
      func outcomes(_ method: SumMethod) throws -> [Outcome] {
        try ThreadRanks.run(ranks) {
          try Self.outcome(
            on: $0, workers: 1, microBatches: microBatches, leastSegment: leastSegment, wire: .float32,
            summedBy: method, update: { _ in true })
        }
      }
      let (tree, library) = (try outcomes(.tree), try outcomes(.mpi))
      #expect(library.allSatisfy { $0 == library[0] } && library[0].losses == tree[0].losses)
      let pairs = zip(library[0].gradient, tree[0].gradient)
      let (error, size) = pairs.reduce((0, 0)) { ($0.0 + abs($1.0 - $1.1), $0.1 + abs($1.1)) }
      #expect(library[0].gradient.count == tree[0].gradient.count && error <= 1e-5 * size && size > 0)
    }
  }

  @Test("in bfloat16 every rank has the same sum, and what is sent is rounded", arguments: [2, 3, 4])
  func bfloat16(ranks: Int) throws {
    func outcomes(_ wire: WirePrecision) throws -> [Outcome] {
      try ThreadRanks.run(ranks) {
        try Self.outcome(
          on: $0, workers: 1, microBatches: .auto, leastSegment: 5000, wire: wire, update: { _ in true })
      }
    }
    let (exact, rounded) = (try outcomes(.float32), try outcomes(.bfloat16))
    #expect(rounded.allSatisfy { $0 == rounded[0] } && rounded[0].losses == exact[0].losses)
    let pairs = zip(rounded[0].gradient, exact[0].gradient)
    let (error, size) = pairs.reduce((0, 0)) { ($0.0 + abs($1.0 - $1.1), $0.1 + abs($1.1)) }
    // Eight bits: at most 2⁻⁹ of a term in each round and of the sum, and terms of either sign are larger than their sum.
    #expect(error > 0 && error < size / 128, "\(error / size)")
  }
}
