import Checkpoints
import Distillation
import Encoders
import Kernels
import Text

/// Validation and the student's checkpoints.
extension StageRun {
  /// Collective.
  func validateAndSave(step: Int, epoch: Int) throws {
    try requireSoundWeights()
    var validated: ValidationReport?
    if let validation = inputs.validation {
      try session.journal.record(.validationStarted(stage: settings.name, rows: validation.count))
      // Only rank 0 has the metrics, and sees what is wrong with them.
      validated = try places.ranks.together { try validate(validation, step: step, epoch: epoch) }
    }
    // On rank 0 alone, as `directory` is.
    if let validated {
      try session.journal.record(.validated(validated))
      try recordShares(step: step)
      if validated.isBest { try recordAttention(step: step) }
    }
    try stopEarly(validated, step: step)
    guard let directory else { return }
    try session.tolerating("the checkpoint", isEssential: step == steps) {
      let name = try selection?.add(validated, step: step, epoch: epoch) { path in
        try save(to: path, step: step, epoch: epoch, report: validated)
      }
      if let validated, validated.isBest { progress.bestReport = validated }
      if let name {
        try session.journal.record(
          .checkpointSaved(
            stage: settings.name, path: "\(directory.path)/checkpoints/\(name)", isBest: name == selection?.best))
      }
    }
  }

  /// Collective: rank 0 decides whether the stage has stopped getting better.
  private func stopEarly(_ report: ValidationReport?, step: Int) throws {
    let stopping = settings.training.earlyStopping
    guard let patience = stopping.patience, inputs.validation != nil, step < steps else { return }
    var ends = [0.0]
    let value = settings.checkpoint.monitor.flatMap { name in report?.value(name) }
    if let value, progress.earlyStopping.take(value, stopping, mode: settings.checkpoint.mode) { ends = [1] }
    try places.ranks.sum(&ends)
    progress.earlyStopping.hasEnded = ends[0] > 0
    guard progress.earlyStopping.hasEnded else { return }
    try session.journal.record(
      .notice(
        "stage \(settings.name): \(settings.checkpoint.monitor ?? "") was not better in \(patience) validations in a row; "
          + "the stage ends at step \(step) of \(steps) (earlyStopping)"))
  }

  private func validate(_ data: TokenizedDataset, step: Int, epoch: Int) throws -> ValidationReport? {
    let clock = ContinuousClock()
    let start = clock.now
    guard let outcome = try evaluation.run(data) else { return nil }
    let losses = outcome.losses
    var metrics: [(name: String, value: Double)] = []
    if let hard = losses.hard {
      let answers = Answers(
        objective.task, outputs: student.configuration.labels, logits: outcome.logits, data: data)
      if objective.task.kind.hasLoss || objective.learnsFromPairsOfRows { metrics.append((TaskMetric.loss.key, hard)) }
      metrics += answers.metrics.map { ($0.metric.key, $0.value) }
    }
    if !objective.adaptors.isEmpty {
      metrics.append(("val_distillation", losses.distillation))
      metrics += zip(objective.adaptors, losses.adaptors).map { ("val_\($0.adaptor.name)", $1) }
    }
    // Not only the monitored one: a model whose logits are NaN still has an accuracy.
    for metric in metrics where !metric.value.isFinite {
      throw ModelError(
        "stage \(settings.name), step \(step): \(metric.name) is not a finite number: "
          + settings.training.remedyForDivergence)
    }
    func make(isBest: Bool) -> ValidationReport {
      ValidationReport(
        stage: settings.name, step: step, epoch: epoch, metrics: metrics, isBest: isBest,
        seconds: (clock.now - start).seconds)
    }
    return make(isBest: selection?.isBest(make(isBest: false)) ?? false)
  }

  /// What the student's best checkpoint looks at.
  private func recordAttention(step: Int) throws {
    let report = session.attention?.report(stage: settings.name, step: step, student: student.encoder, weights: weights)
    if let report { try session.journal.record(.attention(report)) }
  }

  private func save(to path: String, step: Int, epoch: Int, report: ValidationReport?) throws {
    let card = ModelCard(
      configuration: configuration, stage: settings,
      model: ModelCard.Shape(configuration: student.configuration, parameters: student.parameterCount),
      teacher: inputs.teacher.map { ModelCard.Shape(configuration: $0.configuration, parameters: $0.parameterCount) },
      step: step, epoch: epoch, sentences: progress.sentences, report: report)
    try ModelExport(
      configuration: student.configuration.huggingFaceJSON(preserving: student.configurationJSON),
      parameters: weights,
      tokenizerFiles: student.tokenizerFiles(of: inputs.tokenizer)
        + student.sentenceFiles(maxLength: configuration.data.maxLength), modelCard: card.text
    ).save(to: path)
  }

  /// The student as this stage leaves it, the same on every rank: rank 0 has the checkpoint and sends it.
  func student(from start: StageSettings.Start) throws -> ClassifierModel {
    var layout = ParameterLayout()
    let encoder = Encoder(student.configuration, layout: &layout)
    let result = ParameterBuffer(layout)
    _ = result.values.update(fromContentsOf: weights.values[part: 0..<layout.count])
    if start == .best {
      var bytes: [UInt8] = []
      if let directory, selection?.best != nil {
        _ = try ModelDirectory("\(directory.path)/best").weights(joining: layout.folders).load(
          into: result, head: .required)
        bytes = Array(UnsafeRawBufferPointer(result.values))
      }
      try places.ranks.broadcast(&bytes, from: 0)
      bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(result.values).copyMemory(from: $0) }
    }
    return ClassifierModel(
      encoder: encoder, weights: result, configurationJSON: student.configurationJSON,
      tokenizerDirectory: student.tokenizerDirectory, ownTokenizer: student.ownTokenizer, notices: [],
      hasTrainedHead: true)
  }

  // MARK: Reports

  func reportCache(epoch: Int) throws {
    for teacher in teachers.cached {
      guard
        let (use, notices) = try TeacherCacheUse.collect(
          from: teacher, stage: settings.name, epoch: epoch, ranks: places.ranks)
      else { continue }
      for notice in notices { try session.journal.record(.notice(notice)) }
      try session.journal.record(.teacherCache(use))
    }
  }

  var overview: StageOverview {
    StageOverview(
      name: settings.name, index: index + 1, count: configuration.stages.count,
      steps: steps, epochs: epochBatches.count,
      trainedParameters: updated.count,
      adaptors: zip(objective.adaptors, settings.adaptors).map { weighted, settings in
        (
          weighted.adaptor.name, weighted.weight, weighted.adaptor.pairs.map { ($0.student, $0.teacher) },
          settings.compared
        )
      },
      labelWeight: settings.labelWeight,
      monitor: inputs.validation == nil ? nil : settings.checkpoint.monitor)
  }

  func terms(_ losses: StageObjective.Losses) -> [(name: String, value: Double)] {
    (losses.hard.map { [("hard", $0)] } ?? [])
      + zip(objective.adaptors, losses.adaptors).map { ($0.adaptor.name, $1) }
  }
}

extension [Float] {
  /// The first of the largest; 0 of none.
  package var indexOfLargest: Int { self[...].placeOfLargest }
}

extension ArraySlice<Float> {
  /// The first of the largest, counted from the slice's start; 0 of none.
  var placeOfLargest: Int { (indices.max { (self[$0], $1) < (self[$1], $0) } ?? startIndex) - startIndex }
}
