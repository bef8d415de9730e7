import Checkpoints
import Collectives
import Distillation
import Encoders
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

@testable import Training

/// Losses that compare the sentences of the global batch with each other, against PyTorch in double precision
/// (`Tests/Goldens/make_global_goldens.py`), on any places and in any micro-batches.
struct GlobalBatchTests {
  struct Places: Sendable, CustomTestStringConvertible {
    let ranks: Int
    let workers: Int
    let microBatches: TrainingSettings.MicroBatches

    var testDescription: String { "\(ranks) ranks × \(workers) workers, \(microBatches)" }
  }

  /// With passes that are kept, and with some that run again; with more places than micro-batches too.
  static let places =
    [(1, 1, 1), (1, 1, 3), (1, 2, 3), (2, 1, 3), (3, 1, 3), (4, 1, 3), (2, 2, 8), (3, 1, 8)].map {
      Places(ranks: $0, workers: $1, microBatches: .count($2))
    } + [Places(ranks: 3, workers: 1, microBatches: .auto)]

  static let cases = ["similarity", "similarity-and-vectors", "scored-pairs", "scored-pairs-and-similarity", "margins"]

  struct Outcome: Equatable, Sendable {
    let losses: [Double]
    /// By parameter.
    let gradient: [String: [Float]]
  }

  private static let root = GoldenFixtures.root.split(separator: "/").dropLast().joined(separator: "/")

  private static func described(_ name: String) throws -> JSON {
    try GoldenFixtures.require(
      JSON(contentsOf: "/\(root)/global/cases.json").elements.first { $0["name"]?.string == name })
  }

  private static func outcome(
    _ json: JSON, on ranks: any Communicator, workers: Int, microBatches: TrainingSettings.MicroBatches,
    dropout: Float = 0
  ) throws -> Outcome {
    let terms = try GoldenFixtures.require(json["weights"]?.object)
    let isRanked = terms.contains { $0.0 == "MarginMSE" }
    let scores = try (isRanked ? json["relevance"] : json["scores"]).elements.map(\.double)
    let data = try PackedRows(
      [GoldenFixtures.require(json["batch"])], scores: isRanked ? scores : scores.flatMap { [$0, $0] },
      groups: isRanked ? json["groups"].integers : nil)
    let shape = try GoldenFixtures.require(json["student"]?.string)
    var layout = ParameterLayout()
    var teacherLayout = ParameterLayout()
    var task = TaskSettings(isRanked ? .pairs : .embedding)
    task.largestScore = 5
    var (own, other) = (try GoldenFixtures.configuration(shape), try GoldenFixtures.configuration("teacher"))
    own.take(task)
    other.take(task)
    (own.hiddenDropout, own.attentionDropout) = (dropout, dropout)
    let (student, teacher) = (Encoder(own, layout: &layout), Encoder(other, layout: &teacherLayout))
    let adaptors = try terms.filter { $0.0 != "hard" }.map { name, weight in
      var settings = try GoldenFixtures.require(AdaptorSettings(named: name))
      settings.weight = try GoldenFixtures.require(weight.double)
      return try settings.makeAdaptor(
        name: name, student: student.configuration, teacher: teacher.configuration, layout: &layout)
    }
    let (weights, teacherWeights) = (ParameterBuffer(layout), ParameterBuffer(teacherLayout))
    try GoldenFixtures.loadFirstOutputs(of: shape, into: weights)
    try GoldenFixtures.loadFirstOutputs(of: "teacher", into: teacherWeights)
    defer { withExtendedLifetime((weights, teacherWeights)) {} }
    let objective = StageObjective(
      task: task, labelWeight: terms.first { $0.0 == "hard" }?.1.double ?? 0, adaptors: adaptors)
    let step = GradientStep(
      student: student,
      teacher: LiveTeacher(
        FrozenModel(teacher, weights: teacherWeights, taps: objective.teacherTaps), taps: objective.teacherTaps),
      objective: objective, weights: weights,
      places: try Training.Places(pool: WorkerPool(workers: workers), ranks: ranks))
    // Twice, as the first leaves the second's teacher behind.
    var losses: [Double] = []
    for index in 0..<2 {
      let result = try step.run(
        samples: data.batches[0], next: data.batches[0], data: data.dataset, microBatches: microBatches,
        dropout: DropoutKey(seed: 1, step: UInt32(0)), updated: UpdatedParameters(layout) { _ in true })
      let found = (result.losses.hard.map { [$0] } ?? []) + result.losses.adaptors
      #expect(index == 0 || losses == found)
      losses = found
    }
    let rows = Set(data.dataset.words(of: data.batches[0], vocabulary: 31))
    var gradient: [String: [Float]] = [:]
    for entry in layout.entries {
      var values = Array(step.gradient[entry.slot].values)
      if entry.key.contains("word_embeddings") {
        let width = entry.slot.columns
        for row in 0..<entry.slot.rows where !rows.contains(row) {
          for column in 0..<width { values[row * width + column] = 0 }
        }
      }
      gradient[entry.key] = values
    }
    return Outcome(losses: losses, gradient: gradient)
  }

  @Test("losses and gradients agree with PyTorch on any places", arguments: cases, places)
  func agreesWithPyTorch(name: String, places: Places) throws {
    let json = try Self.described(name)
    let file = try SafetensorsFile("/\(Self.root)/global/\(name).safetensors")
    let outcomes = try ThreadRanks.run(places.ranks) {
      try Self.outcome(json, on: $0, workers: places.workers, microBatches: places.microBatches)
    }
    let wanted = try Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, try file.floats($0)) })
    let expected = try #require(json["expected"]?.object)
    func norm(_ values: some Sequence<Float>) -> Double {
      values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
    let total = norm(wanted.values.joined())
    for outcome in outcomes {
      for ((term, value), found) in zip(expected, outcome.losses) {
        let value = try #require(value.double)
        #expect(abs(found - value) <= 1e-5 * value, "\(term): \(found), not \(value)")
      }
      for (key, found) in outcome.gradient {
        // Of a head's outputs the first is there.
        let wanted = try #require(wanted[key], "\(key)").prefix(found.count)
        let error = norm(zip(found, wanted).map { $0 - $1 })
        #expect(error <= 1e-4 * norm(wanted) + 1e-6 * total, "\(key): off by \(error) of \(norm(wanted))")
      }
    }
  }

  @Test(
    "with dropout, a pass that runs again is the one before, and places change no bit",
    arguments: ["scored-pairs-and-similarity", "margins"], [3, 5])
  func sameBits(name: String, microBatches: Int) throws {
    let json = try Self.described(name)
    func outcomes(ranks: Int, workers: Int) throws -> [Outcome] {
      try ThreadRanks.run(ranks) {
        try Self.outcome(json, on: $0, workers: workers, microBatches: .count(microBatches), dropout: 0.2)
      }
    }
    let alone = try outcomes(ranks: 1, workers: 1)[0]
    let plain = try Self.outcome(json, on: SingleProcess(), workers: 1, microBatches: .count(microBatches))
    #expect(alone.losses != plain.losses)
    for ranks in 2...4 { #expect(try outcomes(ranks: ranks, workers: 1).allSatisfy { $0 == alone }) }
    #expect(try outcomes(ranks: 2, workers: 2).allSatisfy { $0 == alone })
  }
}
