import Collectives
import Distillation
import Encoders
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

@testable import Training

struct FrozenEncoderTests {
  @Test("a head trained on remembered outputs is the one trained on the encoder's, to the bit", arguments: [1, 2])
  func sameHead(workers: Int) throws {
    let data = try PackedRows(GoldenFixtures.json("steps/batches.json").elements)
    func train(remembers: Bool) throws -> [Float] {
      var configuration = try GoldenFixtures.configuration("student")
      (configuration.hiddenDropout, configuration.attentionDropout, configuration.classifierDropout) = (0, 0, 0.1)
      var layout = ParameterLayout()
      let student = Encoder(configuration, layout: &layout)
      let weights = ParameterBuffer(layout)
      defer { withExtendedLifetime(weights) {} }
      try GoldenFixtures.load("student", into: weights)
      let updated = UpdatedParameters(layout) { $0.role.isOfHead }
      let objective = StageObjective(task: TaskSettings(), labelWeight: 1, adaptors: [])
      let outputs = FrozenEncoderOutputs.forHead(of: student, taps: objective.studentTaps, rows: data.dataset.count)
      #expect(outputs != nil)
      let places = try Places(pool: WorkerPool(workers: workers), ranks: SingleProcess())
      let gradientStep = GradientStep(
        student: student, teacher: nil, objective: objective, weights: weights, places: places,
        frozenOutputs: remembers ? outputs : nil)
      let optimizer = Optimizer(
        .adamW(AdamWSettings()), maxGradientNorm: 1, layout: layout, updated: updated, peakLearningRate: 1)
      // Every batch twice: computed, then remembered.
      for step in 0..<2 * data.batches.count {
        let result = try gradientStep.run(
          samples: data.batches[step % data.batches.count], data: data.dataset, microBatches: .auto,
          dropout: DropoutKey(seed: 1, step: UInt32(step)), updated: updated)
        _ = optimizer.step(
          weights: weights, gradient: gradientStep.gradient, rows: result.rows, learningRate: 1e-2, pool: places.pool)
      }
      return Array(weights.values)
    }
    let (computed, remembered) = (try train(remembers: false), try train(remembers: true))
    #expect(computed == remembered)
  }

  @Test("with dropout in the encoder, or taps on it, nothing is remembered")
  func notRemembered() throws {
    var configuration = try GoldenFixtures.configuration("student")
    var taps: TapSelection = [.logits]
    func outputs() -> FrozenEncoderOutputs? {
      var layout = ParameterLayout()
      return .forHead(of: Encoder(configuration, layout: &layout), taps: taps, rows: 3)
    }
    (configuration.hiddenDropout, configuration.attentionDropout) = (0.1, 0)
    #expect(outputs() == nil)
    (configuration.hiddenDropout, configuration.attentionDropout) = (0, 0.1)
    #expect(outputs() == nil)
    configuration.attentionDropout = 0
    #expect(outputs() != nil)
    taps.insert(Tap(.values, layer: 1))
    #expect(outputs() == nil)
  }
}
