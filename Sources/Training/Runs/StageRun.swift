import Checkpoints
import Collectives
import Distillation
import Encoders
import Kernels
import Text

/// One stage: the training loop, validation, and the checkpoints it keeps. Every rank runs it in step.
final class StageRun {
  let directory: StageDirectory?
  private let settings: StageSettings
  private let configuration: RunConfiguration
  private let inputs: RunInputs
  private let places: Places
  private let report: (TrainingEvent) throws -> Void
  private let index: Int

  private let student: ClassifierModel
  /// The student's parameters, then the adaptors' projections.
  private let weights: ParameterBuffer
  private let objective: StageObjective
  private let gradientStep: GradientStep
  private let evaluation: Evaluation
  private let cachedTeacher: CachedTeacher?
  private let updated: UpdatedParameters
  private let optimizer: Optimizer
  private let schedule: Schedule
  private let epochBatches: [Int]
  private var selection: CheckpointSelection?
  private var bestReport: ValidationReport?

  /// - Parameters:
  ///   - student: where this stage starts from.
  ///   - directory: on rank 0.
  init(
    _ settings: StageSettings, index: Int, configuration: RunConfiguration, inputs: RunInputs,
    student: ClassifierModel, places: Places, directory: StageDirectory?,
    report: @escaping (TrainingEvent) throws -> Void
  ) throws {
    self.settings = settings
    self.index = index
    self.configuration = configuration
    self.inputs = inputs
    self.student = student
    self.places = places
    self.directory = directory
    self.report = report

    var layout = ParameterLayout()
    let encoder = Encoder(student.configuration, layout: &layout)
    let adaptors = try Self.makeAdaptors(settings, inputs: inputs, layout: &layout)
    objective = StageObjective(labelWeight: settings.labelWeight, adaptors: adaptors)
    weights = ParameterBuffer(layout)
    weights.values[part: 0..<student.parameterCount].copy(from: student.weights.values)
    weights.initialize(
      layout.entries.map(\.key).filter(ParameterLayout.isProjection), deviation: 0.02, seed: configuration.run.seed)

    let training = settings.training
    let liveTeacher: LiveTeacher? =
      adaptors.isEmpty
      ? nil
      : inputs.teacher.map { [objective] in
        LiveTeacher(
          encoder: $0.encoder, weights: $0.weights, packed: places.pool.packed($0, taps: objective.teacherTaps),
          taps: objective.teacherTaps)
      }
    cachedTeacher = liveTeacher.flatMap { inputs.cache?.teacher($0) }
    let teacher: (any TeacherSource)? = cachedTeacher ?? liveTeacher
    gradientStep = GradientStep(
      student: encoder, teacher: teacher, objective: objective, weights: weights, places: places)
    evaluation = Evaluation(
      student: encoder, weights: weights, teacher: teacher, objective: objective, places: places)
    updated = Self.updatedParameters(settings.update, encoder: encoder, layout: layout)
    optimizer = Optimizer(
      training.optimizer, maxGradientNorm: training.maxGradientNorm, layout: layout, updated: updated)
    epochBatches = try Self.epochBatches(training, rows: inputs.train.count)
    schedule = Schedule(training.schedule, peak: training.learningRate, totalSteps: epochBatches.reduce(0, +))
    selection = directory.map { CheckpointSelection(settings.checkpoint, directory: $0) }
  }

  /// Which parameters a stage trains.
  static func updatedParameters(_ update: StageSettings.Update, encoder: Encoder, layout: ParameterLayout)
    -> UpdatedParameters
  {
    let head = encoder.parameters.headRange
    return UpdatedParameters(layout, byRows: encoder.parameters.wordEmbeddings) { key in
      guard let slot = layout[key]?.slot else { return false }
      switch update {
      case .all: return true
      case .encoder: return !head.contains(slot.offset)
      case .head: return head.contains(slot.offset)
      }
    }
  }

  /// Finds what would stop a stage, before the stages ahead of it have run for hours.
  static func check(_ settings: StageSettings, inputs: RunInputs) throws {
    var layout = ParameterLayout()
    _ = Encoder(inputs.student.configuration, layout: &layout)
    _ = try makeAdaptors(settings, inputs: inputs, layout: &layout)
    _ = try epochBatches(settings.training, rows: inputs.train.count)
  }

  /// The stage's adaptors, their projections added to the layout. Every stage's student has the shape of the first.
  private static func makeAdaptors(
    _ settings: StageSettings, inputs: RunInputs, layout: inout ParameterLayout
  ) throws -> [WeightedAdaptor] {
    guard let teacher = inputs.teacher else { return [] }
    return try zip(AdaptorSettings.metricKeys(of: settings.adaptors), settings.adaptors).map { name, adaptor in
      try adaptor.makeAdaptor(
        name: name, student: inputs.student.configuration, teacher: teacher.configuration, layout: &layout)
    }
  }

  /// The number of batches of each epoch.
  static func epochBatches(_ training: TrainingSettings, rows: Int) throws -> [Int] {
    let whole = training.dropLast ? rows / training.batchSize : (rows + training.batchSize - 1) / training.batchSize
    guard whole > 0 else {
      throw ModelError(
        "training.dropLast: expected at least one whole batch of \(training.batchSize), found \(rows) rows; "
          + "lower training.batchSize or set dropLast: false")
    }
    switch training.duration {
    case .epochs(let epochs): return [Int](repeating: whole, count: epochs)
    case .steps(let steps):
      return stride(from: 0, to: steps, by: whole).map { min(whole, steps - $0) }
    }
  }

  // MARK: The loop

  /// - Returns: the stage's report, on rank 0.
  func train() throws -> StageReport? {
    try report(.stageStarted(overview))
    let clock = ContinuousClock()
    let sampler = Sampler(
      count: inputs.train.count, seed: configuration.run.seed, shuffle: settings.training.shuffle)
    var step = 0
    var sentences = 0
    var stepping = Duration.zero
    let start = clock.now
    for (epoch, batches) in epochBatches.enumerated() {
      let order = sampler.batches(epoch: epoch, batchSize: settings.training.batchSize)
      for batch in 0..<batches {
        let began = clock.now
        let result = try take(
          step: step, samples: order[batch], next: batch + 1 < batches ? order[batch + 1] : nil)
        step += 1
        let elapsed = clock.now - began
        stepping += elapsed
        sentences += order[batch].count
        try report(
          .step(
            StepReport(
              stage: settings.name, step: step, steps: epochBatches.reduce(0, +), epoch: epoch + 1,
              epochs: epochBatches.count, stepInEpoch: batch + 1, stepsInEpoch: batches, loss: result.losses.total,
              terms: terms(result.losses), learningRate: result.learningRate, gradientNorm: result.gradientNorm,
              sentences: order[batch].count, tokens: order[batch].reduce(0) { $0 + inputs.train.length($1) },
              seconds: elapsed.seconds)))
        let isDue = settings.training.validateEverySteps.map { step % $0 == 0 } ?? false
        if isDue || batch + 1 == batches { try validateAndSave(step: step, epoch: epoch + 1) }
      }
      try reportCache(epoch: epoch + 1)
    }
    guard let selection, let directory else { return nil }
    let finished = StageReport(
      stage: settings.name, steps: step, seconds: (clock.now - start).seconds,
      sentencesPerSecond: Double(sentences) / max(stepping.seconds, 1e-9), best: bestReport,
      bestCheckpoint: selection.best.map { "\(directory.path)/checkpoints/\($0)" })
    try report(.stageFinished(finished))
    return finished
  }

  private func take(step: Int, samples: ArraySlice<Int>, next: ArraySlice<Int>?) throws -> (
    losses: StageObjective.Losses, learningRate: Double, gradientNorm: Double
  ) {
    let learningRate = schedule.learningRate(at: step)
    let result = try gradientStep.run(
      samples: samples, next: next, data: inputs.train, microBatches: settings.training.microBatches,
      dropout: DropoutKey(
        seed: UInt32(truncatingIfNeeded: configuration.run.seed), step: UInt32(truncatingIfNeeded: step)),
      updated: updated)
    let losses = result.losses
    try require(losses.total.isFinite, of: "the loss", step: step + 1)
    let norm = optimizer.step(
      weights: weights, gradient: gradientStep.gradient, rows: result.rows, learningRate: learningRate,
      pool: places.pool)
    try require(norm.isFinite, of: "the gradient", step: step + 1)
    return (losses, learningRate, norm)
  }

  /// Stops a run whose numbers went beyond what numbers can hold: nothing it would save is of use.
  private func require(_ isFinite: Bool, of quantity: String, step: Int) throws {
    guard isFinite else {
      throw ModelError(
        "stage \(settings.name), step \(step): \(quantity) is not a finite number: training has diverged; lower "
          + "learningRate, now \(settings.training.learningRate), or maxGradientNorm, now "
          + (settings.training.maxGradientNorm.map { "\($0)" } ?? "null"))
    }
  }

  // MARK: Validation and checkpoints

  private func validateAndSave(step: Int, epoch: Int) throws {
    try require(sumOfSquares(UnsafeBufferPointer(weights.values)).isFinite, of: "a weight", step: step)
    var validated: ValidationReport?
    if let validation = inputs.validation {
      try report(.validationStarted(stage: settings.name, rows: validation.count))
      validated = try validate(validation, step: step, epoch: epoch)
    }
    guard selection != nil, let directory else { return }
    if let validated {
      if validated.isBest { bestReport = validated }
      try report(.validated(validated))
    }
    let name = try selection?.add(validated, step: step, epoch: epoch) { path in
      try save(to: path, report: validated)
    }
    if let name {
      try report(
        .checkpointSaved(
          stage: settings.name, path: "\(directory.path)/checkpoints/\(name)", isBest: name == selection?.best))
    }
  }

  private func validate(_ data: TokenizedDataset, step: Int, epoch: Int) throws -> ValidationReport? {
    let clock = ContinuousClock()
    let start = clock.now
    guard let outcome = try evaluation.run(data) else { return nil }
    let hasLabels = data.labels.allSatisfy { $0 >= 0 }
    let losses = objective.losses(
      outcome.sums, counts: GlobalCounts(lengths: (0..<data.count).lazy.map { data.length($0) }),
      hasLabels: hasLabels)
    var metrics: [(name: String, value: Double)] = []
    if hasLabels, let hard = losses.hard {
      let scores = ClassificationMetrics(
        labels: data.labels.map(Int.init), predictions: outcome.logits.map(\.indexOfLargest),
        classes: student.configuration.labels.count)
      metrics += [
        ("val_loss", hard), ("val_accuracy", scores.accuracy), ("val_macro_f1", scores.macroF1),
        ("val_macro_recall", scores.macroRecall),
      ]
    }
    if !objective.adaptors.isEmpty {
      metrics.append(("val_distillation", losses.distillation))
      metrics += zip(objective.adaptors, losses.adaptors).map { ("val_\($0.adaptor.name)", $1) }
    }
    // Not only the monitored one: a model whose logits are NaN still has an accuracy.
    for metric in metrics { try require(metric.value.isFinite, of: metric.name, step: step) }
    func make(isBest: Bool) -> ValidationReport {
      ValidationReport(
        stage: settings.name, step: step, epoch: epoch, metrics: metrics, isBest: isBest,
        seconds: (clock.now - start).seconds)
    }
    return make(isBest: selection?.isBest(make(isBest: false)) ?? false)
  }

  private func save(to path: String, report: ValidationReport?) throws {
    let card = ModelCard(
      configuration: configuration, stage: settings, report: report, parameters: student.parameterCount,
      layers: student.configuration.layers, hiddenSize: student.configuration.hiddenSize,
      labels: student.configuration.labels)
    try ModelExport(
      configuration: student.configuration.huggingFaceJSON(preserving: student.configurationJSON),
      parameters: weights, tokenizerFiles: inputs.tokenizer.files(), modelCard: card.text
    ).save(to: path)
  }

  /// The student as this stage leaves it, the same on every rank: rank 0 has the checkpoint and sends it.
  func student(from start: StageSettings.Start) throws -> ClassifierModel {
    var layout = ParameterLayout()
    let encoder = Encoder(student.configuration, layout: &layout)
    let result = ParameterBuffer(layout)
    result.values.copy(from: weights.values[part: 0..<layout.count])
    if start == .best {
      var bytes: [UInt8] = []
      if let directory, selection?.best != nil {
        _ = try ModelDirectory("\(directory.path)/best").weights().load(into: result, head: .required)
        bytes = Array(UnsafeRawBufferPointer(result.values))
      }
      try places.ranks.broadcast(&bytes, from: 0)
      bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(result.values).copyMemory(from: $0) }
    }
    return ClassifierModel(
      encoder: encoder, weights: result, configurationJSON: student.configurationJSON,
      tokenizerDirectory: student.tokenizerDirectory, notices: [], hasTrainedHead: true)
  }

  // MARK: Reports

  private func reportCache(epoch: Int) throws {
    guard let cachedTeacher,
      let (use, notices) = try TeacherCacheUse.collect(
        from: cachedTeacher, stage: settings.name, epoch: epoch, ranks: places.ranks)
    else { return }
    for notice in notices { try report(.notice(notice)) }
    try report(.teacherCache(use))
  }

  private var overview: StageOverview {
    StageOverview(
      name: settings.name, index: index + 1, count: configuration.stages.count,
      steps: epochBatches.reduce(0, +), epochs: epochBatches.count,
      trainedParameters: updated.count,
      adaptors: objective.adaptors.map { weighted in
        (weighted.adaptor.name, weighted.weight, weighted.adaptor.pairs.map { ($0.student, $0.teacher) })
      },
      labelWeight: settings.labelWeight,
      monitor: inputs.validation == nil ? nil : settings.checkpoint.monitor)
  }

  private func terms(_ losses: StageObjective.Losses) -> [(name: String, value: Double)] {
    (losses.hard.map { [("hard", $0)] } ?? [])
      + zip(objective.adaptors, losses.adaptors).map { ($0.adaptor.name, $1) }
  }
}

extension [Float] {
  /// The first of the largest; 0 of none.
  package var indexOfLargest: Int { indices.max { (self[$0], $1) < (self[$1], $0) } ?? 0 }
}
