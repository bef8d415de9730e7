import Collectives
import Distillation
import Encoders
import Foundation
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text
import Training

/// Ten steps of distillation with projections, clipping and a schedule, against PyTorch in double precision.
struct OptimizerStepsTests {
  /// How a step's work is cut and shared, which must change nothing.
  struct Sharing: Sendable, CustomTestStringConvertible {
    let microBatches: TrainingSettings.MicroBatches
    let workers: Int

    var testDescription: String { "\(microBatches), \(workers) workers" }
  }

  static let sharings = [
    Sharing(microBatches: .count(1), workers: 1), Sharing(microBatches: .count(3), workers: 2),
    Sharing(microBatches: .auto, workers: 3),
  ]

  @Test("losses, gradient norms and final parameters agree with PyTorch", arguments: ["adamw", "sgd"], sharings)
  func agreesWithPyTorch(name: String, sharing: Sharing) throws {
    let run = try #require(
      try GoldenFixtures.json("steps/runs.json").elements.first { $0["name"]?.string == name })
    let data = try PackedRows(GoldenFixtures.json("steps/batches.json").elements)
    let (teacher, teacherWeights) = try GoldenFixtures.model(try #require(run["teacher"]?.string))
    let studentName = try #require(run["student"]?.string)
    var layout = ParameterLayout()
    let student = Encoder(try GoldenFixtures.configuration(studentName), layout: &layout)
    let adaptors = try GoldenFixtures.adaptors(try #require(run["adaptors"])).map {
      try $0.makeAdaptor(
        name: $0.kind.name, student: student.configuration, teacher: teacher.configuration, layout: &layout)
    }
    let weights = ParameterBuffer(layout)
    defer { withExtendedLifetime(weights) {} }
    try GoldenFixtures.load(studentName, into: weights)
    try GoldenFixtures.loadProjections(GoldenFixtures.tensors("steps/projections.safetensors"), into: weights)

    let places = try Places(pool: WorkerPool(workers: sharing.workers), ranks: SingleProcess())
    let labelWeight = try #require(run["labelWeight"]?.double)
    let objective = StageObjective(task: TaskSettings(), labelWeight: labelWeight, adaptors: adaptors)
    let gradientStep = GradientStep(
      student: student,
      teacher: LiveTeacher(
        FrozenModel(teacher, weights: teacherWeights, taps: objective.teacherTaps), taps: objective.teacherTaps),
      objective: objective, weights: weights, places: places)
    let updated = UpdatedParameters(layout) { _ in true }
    let optimizer = Optimizer(
      try settings(run), maxGradientNorm: try #require(run["clipNorm"]?.double), layout: layout, updated: updated,
      peakLearningRate: try #require(run["optimizer"]?["learningRate"]?.double))
    var scheduleSettings = ScheduleSettings()
    scheduleSettings.kind = try #require(ScheduleSettings.Kind(rawValue: run["optimizer"]?["schedule"]?.string ?? ""))
    scheduleSettings.warmup = .steps(try #require(run["warmupSteps"]?.int))
    let steps = try run["steps"].elements
    let schedule = Schedule(
      scheduleSettings, peak: try #require(run["optimizer"]?["learningRate"]?.double), totalSteps: steps.count)

    for (index, expected) in steps.enumerated() {
      let learningRate = schedule.learningRate(at: index)
      let result = try gradientStep.run(
        samples: data.batches[index], data: data.dataset, microBatches: sharing.microBatches,
        dropout: DropoutKey(seed: 1, step: UInt32(index)), updated: updated)
      let norm = optimizer.step(
        weights: weights, gradient: gradientStep.gradient, rows: result.rows, learningRate: learningRate,
        pool: places.pool)
      func expectClose(_ found: Double?, _ key: String, relative: Double = 1e-5) throws {
        let found = try #require(found)
        let wanted = try #require(expected[key]?.double)
        #expect(abs(found - wanted) <= relative * abs(wanted), "step \(index + 1) \(key): \(found), not \(wanted)")
      }
      try expectClose(learningRate, "learningRate", relative: 1e-14)
      let losses = result.losses
      try expectClose(losses.total, "total")
      try expectClose(losses.hard, "hard")
      try expectClose(norm, "gradientNorm")
      let terms = try expected["terms"].elements.map { try GoldenFixtures.require($0.double) }
      #expect(terms.count == losses.adaptors.count)
      for (found, wanted) in zip(losses.adaptors, terms) { #expect(abs(found - wanted) <= 1e-5 * wanted) }
    }

    let wanted = try GoldenFixtures.tensors("steps/\(name).safetensors")
    for entry in layout.entries where !(name == "adamw" && entry.key.hasSuffix("attention.self.key.bias")) {
      let wanted = try #require(wanted[entry.key])
      let error = zip(weights[entry.slot].values, wanted).map { abs($0 - $1) }.max() ?? .infinity
      #expect(error < 1e-5, "\(entry.key): off by \(error)")
    }
  }

  private func settings(_ run: JSON) throws -> OptimizerSettings {
    let json = try #require(run["optimizer"])
    guard json["kind"]?.string == "adamw" else { return .sgd }
    var settings = AdamWSettings()
    settings.weightDecay = try #require(json["weightDecay"]?.double)
    settings.eps = try #require(json["eps"]?.double)
    let betas = try json["betas"].elements.map { try GoldenFixtures.require($0.double) }
    (settings.beta1, settings.beta2) = (betas[0], betas[1])
    return .adamW(settings)
  }

  @Test("parameters that a stage does not update stay as they are, undecayed, and count in no norm")
  func leavesOthers() throws {
    var layout = ParameterLayout()
    let first = layout.add("first.weight", [3, 5], decays: true)
    let second = layout.add("second.weight", [2, 2], decays: true)
    let third = layout.add("third.bias", [4], decays: false)
    let (weights, gradient) = (ParameterBuffer(layout), ParameterBuffer(layout))
    defer { withExtendedLifetime((weights, gradient)) {} }
    weights.values.update(repeating: 1)
    gradient.values.update(repeating: 2)
    var settings = AdamWSettings()
    settings.weightDecay = 0.1
    let optimizer = Optimizer(
      .adamW(settings), maxGradientNorm: nil, layout: layout,
      updated: UpdatedParameters(layout) { $0.key != "second.weight" }, peakLearningRate: 0.5)
    let norm = optimizer.step(
      weights: weights, gradient: gradient, rows: [], learningRate: 0.5, pool: WorkerPool(workers: 2))
    #expect(abs(norm - (19 * 4.0).squareRoot()) < 1e-12)
    #expect(weights[second].values.allSatisfy { $0 == 1 })
    // Adam's first step is the learning rate; decay takes another 1/20 where it applies.
    #expect(weights[first].values.allSatisfy { abs($0 - 0.45) < 1e-6 })
    #expect(weights[third].values.allSatisfy { abs($0 - 0.5) < 1e-6 })
  }

  @Test("a gradient within the norm is not scaled, a longer one is, to the norm")
  func clips() {
    var layout = ParameterLayout()
    _ = layout.add("weight", [300_000, 2], decays: true)
    for (length, expected) in [(0.5, 0.5), (7.0, 2.0)] {
      let (weights, gradient) = (ParameterBuffer(layout), ParameterBuffer(layout))
      defer { withExtendedLifetime((weights, gradient)) {} }
      gradient.values.update(repeating: Float(length / 600_000.0.squareRoot()))
      let optimizer = Optimizer(
        .sgd, maxGradientNorm: 2, layout: layout,
        updated: UpdatedParameters(layout) { _ in true }, peakLearningRate: 1)
      let norm = optimizer.step(
        weights: weights, gradient: gradient, rows: [], learningRate: 1, pool: WorkerPool(workers: 2))
      #expect(abs(norm - length) < 1e-5)
      #expect(abs(sumOfSquares(UnsafeBufferPointer(weights.values)).squareRoot() - expected) < 1e-5)
      #expect(weights.values[599_999] < 0)
    }
  }
}
