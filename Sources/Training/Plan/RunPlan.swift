import Distillation
import Encoders
import Kernels
import Text

/// What a run will compute, keep and write, from its configuration, the models' `config.json` and the tokenised data.
package struct RunPlan: Sendable {
  package let shapes: ModelShapes
  package let train: DatasetFigures
  package let validation: DatasetFigures?
  package let stages: [StagePlan]
  package let configuration: RunConfiguration

  /// Data that is not there, as its user expects it.
  package struct AssumedData: Sendable, Equatable {
    package let rows: Int
    package let meanLength: Double

    package init(rows: Int, meanLength: Double) {
      self.rows = rows
      self.meanLength = meanLength
    }
  }

  /// - Parameters:
  ///   - assuming: in place of the configuration's data.
  ///   - data: reads the configuration's.
  /// - Throws: where a `config.json`, a tokenizer or data cannot be read, or do not fit together.
  init(_ configuration: RunConfiguration, assuming assumed: AssumedData? = nil, data: PlannedData) throws {
    self.configuration = configuration
    let shapes = try ModelShapes(configuration)
    self.shapes = shapes
    var training: TrainingData?
    if let assumed {
      train = DatasetFigures(
        rows: assumed.rows, meanLength: assumed.meanLength, vocabulary: shapes.student.vocabularySize)
      validation = nil
    } else {
      let read = try data.read(configuration, shapes)
      train = DatasetFigures(read.training.all)
      validation = read.validation.map { DatasetFigures($0) }
      training = read.training
    }
    stages = try Self.stages(configuration, shapes, train, validation, training)
  }

  /// The plan of a run that has read its data.
  init(_ configuration: RunConfiguration, _ inputs: RunInputs) throws {
    self.configuration = configuration
    shapes = ModelShapes(inputs, configuration)
    train = DatasetFigures(inputs.training.all)
    validation = inputs.validation.map { DatasetFigures($0) }
    stages = try Self.stages(configuration, shapes, train, validation, inputs.training)
  }

  private static func stages(
    _ configuration: RunConfiguration, _ shapes: ModelShapes, _ train: DatasetFigures, _ validation: DatasetFigures?,
    _ training: TrainingData?
  ) throws -> [StagePlan] {
    try configuration.stages.enumerated().map { index, stage in
      let own = training.flatMap { $0.sets.count == 1 ? nil : $0[index] }
      return try StagePlan(
        stage, configuration, shapes,
        train: own.map { DatasetFigures($0) } ?? train,
        validation: validation, tokens: training?[index],
        sampler: training?.sampler(stage: index, stage, seed: configuration.run.seed))
    }
  }

  /// What all stages read of the teacher.
  var teacherTaps: TapSelection { stages.reduce(into: TapSelection()) { $0.formUnion($1.teacherTaps) } }

  package func memory(ranks: Int, threads: Int) -> MemoryPlan { MemoryPlan(self, ranks: ranks, threads: threads) }

  // MARK: Disk

  /// One of the student, tokenizer files not counted.
  package var checkpointBytes: Int { 4 * shapes.studentParameters }

  /// The largest of the states that a run can go on from.
  package var stateBytes: Int { stages.map(stateBytes).max() ?? 0 }

  /// Of a stage: weights, and the moments of what has been trained.
  private func stateBytes(_ stage: StagePlan) -> Int {
    let moments = stage.settings.training.optimizer.kind == .adamw ? 2 : 0
    return 4 * (stage.parameters + moments * (stage.wholeValues + train.words.count * stage.rowWidth))
  }

  private var checkpointsBytes: Int { stages.reduce(0) { $0 + keptCheckpoints($1) * checkpointBytes } }

  /// What stays in the run's directory when it has ended.
  package var keptBytes: Int {
    checkpointsBytes + (configuration.run.keepFinalState ? stages.last.map(stateBytes) ?? 0 : 0)
  }

  /// The most that its directory holds meanwhile: states, of which one more is being written, and the checkpoints
  /// that they refer to.
  package var mostBytes: Int {
    checkpointsBytes + (configuration.run.keepStates + 1) * (stateBytes + checkpointBytes)
  }

  /// With less no run gets through: a checkpoint, and a state where the run may not go on without.
  package var leastBytes: Int {
    checkpointBytes + (configuration.run.onFailedSave == .stop ? stages.map(stateBytes).min() ?? 0 : 0)
  }

  private func keptCheckpoints(_ stage: StagePlan) -> Int {
    let checkpoint = stage.settings.checkpoint
    guard validation != nil else { return 1 }
    return checkpoint.saveTopK + (checkpoint.saveLast ? 1 : 0)
  }

  /// What the data take as tokens, where they are kept on disk and mapped: once for all ranks of a host.
  package var tokenBytes: Int { train.mappedBytes + (validation?.mappedBytes ?? 0) }

  /// The teacher's features of all rows, for each different set of them; `nil` without a cache.
  package var cacheBytes: Int? {
    guard let cache = configuration.teacher?.cache, let teacher = shapes.teacher else { return nil }
    let each = cache.precision == .fp16 ? 2.0 : 4.0
    var seen: [TapSelection] = []
    var bytes = 0.0
    for taps in stages.map(\.teacherTaps) where !taps.isEmpty && !seen.contains(taps) {
      seen.append(taps)
      for text in [train.all, validation?.all].compactMap({ $0 }) {
        let values = taps.inOrder.reduce(0) { $0 + $1.shape(in: teacher).count(text, padded: false) }
        // A header of 72 bytes stands before each.
        bytes += each * values + 72 * text.sentences
      }
    }
    return Int(min(bytes, Double(cache.maxBytes)))
  }
}

extension ModelShapes {
  package var studentParameters: Int { Self.parameters(student) }
  package var teacherParameters: Int { teacher.map(Self.parameters) ?? 0 }

  static func parameters(_ configuration: EncoderConfiguration) -> Int {
    var layout = ParameterLayout()
    return Encoder(configuration, layout: &layout).parameters.headRange.upperBound
  }
}

extension ProductRate {
  /// At the shapes of bert-base.
  package static func measure(seconds: Double, pool: WorkerPool) -> [ProductRate] {
    measure(
      frozen: EncoderConfiguration(), trained: EncoderConfiguration(), rows: 256, seconds: seconds, pool: pool)
  }

  /// At the shapes of a run's models and the size of its micro-batches on so many places.
  package static func measure(_ plan: RunPlan, seconds: Double, pool: WorkerPool, places: Int) -> [ProductRate] {
    let tokens = plan.stages.first.map { Int($0.batches.mean.tokens) / places } ?? 512
    return measure(
      frozen: plan.shapes.teacher ?? plan.shapes.student, trained: plan.shapes.student,
      rows: max(16, min(tokens, 2048)), seconds: seconds, pool: pool)
  }
}
