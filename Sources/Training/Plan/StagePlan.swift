import Collectives
import Distillation
import Encoders
import Kernels
import Text

/// What a stage trains, computes and sends, before anything is loaded.
package struct StagePlan: Sendable {
  package let settings: StageSettings
  /// Batches of each epoch.
  package let epochs: [Int]
  /// The student's parameters and the projections'.
  package let parameters: Int
  package let trainedParameters: Int
  /// Parameters whose whole gradient is summed.
  package let wholeValues: Int
  /// Of them, the most that lie together where they are summed over ranks.
  let longestSum: Int
  /// The width of a word's row; 0 where the word embeddings are not trained.
  package let rowWidth: Int
  package let batches: BatchFigures
  /// A mean step of the first epoch.
  package let firstWork: Work
  /// A mean step of the others, where a cache may take the teacher's place.
  package let laterWork: Work
  /// One pass over the validation data.
  package let validationWork: Work
  /// The student's forward pass of a mean step where losses compare sentences of the global batch: it runs twice where a
  /// place has several micro-batches.
  let comparedWork: NecessaryWork
  let studentTaps: TapSelection
  let teacherTaps: TapSelection
  /// The teacher's width, where the student's hidden states are carried to it.
  let projectedWidth: Int?
  /// Whether only the head is computed from the second epoch on.
  let keepsOutputs: Bool

  /// What the teacher does apart, as its weights are packed and as sums over ranks hide behind it.
  package struct Work: Sendable, Equatable {
    package var teacher = NecessaryWork()
    package var student = NecessaryWork()

    package var operations: Double { teacher.operations + student.operations }
  }

  package var steps: Int { epochs.reduce(0, +) }

  /// - Throws: where adaptors do not fit the models, or no batch is whole.
  init(
    _ settings: StageSettings, _ configuration: RunConfiguration, _ shapes: ModelShapes, train: DatasetFigures,
    validation: DatasetFigures?, tokens: TokenizedDataset?, sampler: Sampler?
  ) throws {
    self.settings = settings
    var layout = ParameterLayout()
    let encoder = Encoder(shapes.student, layout: &layout)
    let adaptors = try shapes.teacher.map { teacher in
      try zip(AdaptorSettings.metricKeys(of: settings.adaptors), settings.adaptors).map { name, adaptor in
        try adaptor.makeAdaptor(name: name, student: shapes.student, teacher: teacher, layout: &layout)
      }
    }
    let objective = StageObjective(
      task: configuration.task, labelWeight: settings.labelWeight, adaptors: adaptors ?? [])
    let (studentTaps, teacherTaps) = (objective.studentTaps, objective.teacherTaps)
    (self.studentTaps, self.teacherTaps) = (studentTaps, teacherTaps)
    let updated = StageRun.updatedParameters(settings, of: layout, student: encoder)
    parameters = layout.count
    trainedParameters = updated.count
    wholeValues = updated.wholeRanges.reduce(0) { $0 + $1.count }
    longestSum =
      GradientSegments(
        of: updated.wholeRanges, in: encoder.parameters, least: GradientStep.leastSegment, workers: 0
      ).segments.flatMap(\.ranges).map(\.count).max() ?? 0
    rowWidth = updated.byRows?.columns ?? 0
    epochs = try StageRun.epochBatches(settings.training, rows: train.rows)
    let batches = BatchFigures(
      train, data: tokens, batchSize: settings.training.batchSize,
      sampler: sampler
        ?? Sampler(count: train.rows, seed: configuration.run.seed, shuffle: settings.training.shuffle),
      vocabulary: shapes.student.vocabularySize)
    self.batches = batches
    let projects = layout.entries.contains { $0.role == .projection }
    projectedWidth = projects ? shapes.teacher?.hiddenSize : nil
    let headOnly = settings.update == .head
    keepsOutputs =
      headOnly && FrozenEncoderOutputs.areEnough(for: studentTaps, of: shapes.student)

    func work(_ text: TextFigures, taps: TapSelection, learns: Bool, hasTeacher: Bool = true) -> Work {
      var work = Work()
      if hasTeacher, let teacher = shapes.teacher, !teacherTaps.isEmpty {
        work.teacher = shapes.otherTeachers.reduce(
          .encoder(teacher, taps: teacherTaps, text: text, backward: false)
        ) { $0 + .encoder($1, taps: teacherTaps, text: text, backward: false) }
      }
      work.student = .encoder(shapes.student, taps: taps, text: text, backward: learns && !headOnly)
      if learns, headOnly { work.student = work.student + .head(shapes.student, text: text) * 2 }
      for weighted in objective.adaptors { work.student = work.student + weighted.adaptor.work(text, backward: learns) }
      return work
    }
    firstWork = work(batches.mean, taps: studentTaps, learns: true)
    let isCached = configuration.teacher?.cache != nil
    var later = work(batches.mean, taps: studentTaps, learns: true, hasTeacher: !isCached)
    if keepsOutputs { later.student = .head(shapes.student, text: batches.mean) * 3 }
    laterWork = later
    comparedWork =
      objective.comparesSentences && !keepsOutputs
      ? .encoder(shapes.student, taps: studentTaps, text: batches.mean, backward: false) : NecessaryWork()
    validationWork =
      validation.map { work($0.all, taps: studentTaps.union([.logits]), learns: false) } ?? Work()
  }

  /// Into how many a batch is cut at most.
  func microBatches(places: Int) -> Int {
    switch settings.training.microBatches {
    case .count(let pinned): pinned
    case .auto: GradientStep.microBatches(tokens: Int(batches.mostTokens), places: places)
    }
  }

  /// Passes over the validation data in the epoch, from 0.
  func validations(epoch: Int) -> Int {
    guard let every = settings.training.validateEverySteps else { return 1 }
    let before = epochs[..<epoch].reduce(0, +)
    let end = before + epochs[epoch]
    return end / every - before / every + (end % every == 0 ? 0 : 1)
  }

  /// From the stage's beginning to its end, with its validations.
  package var operations: Double {
    epochs.indices.reduce(0) { sum, epoch in
      sum + Double(epochs[epoch]) * (epoch == 0 ? firstWork : laterWork).operations
        + Double(validations(epoch: epoch)) * validationWork.operations
    }
  }

  /// The numbers that ranks sum in a step.
  package var gradientValues: Double { Double(wholeValues) + batches.meanWords * Double(rowWidth) }

  /// What the busiest rank sends in a step, and as much it receives: halves of its gradients, quarters and so on, and as
  /// much of the sum back. Where ranks fold, the whole sum to one more.
  package func bytesSent(ranks: Int) -> Double {
    let rounds = RecursiveDoubling(rank: 0, size: ranks).rounds.count
    let isFolded = ranks > 1 << rounds
    return 4 * gradientValues * (2 * (1 - 1 / Double(1 << rounds)) + (isFolded ? 1 : 0))
  }

  /// How many messages that rank sends: two a round and chunk.
  func messagesSent(ranks: Int) -> Double {
    let rounds = RecursiveDoubling(rank: 0, size: ranks)
    let chunk = Double(GradientSum.chunkLength(segment: GradientStep.leastSegment))
    return (gradientValues / chunk).rounded(.up) * Double(2 * rounds.rounds.count + (rounds.fold == .none ? 0 : 1))
  }
}
