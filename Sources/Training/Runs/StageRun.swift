import Checkpoints
import Collectives
import Distillation
import Encoders
import Kernels
import Text

/// How a stage, or a run, came to its end: the same on every rank.
package enum RunEnd: Sendable, Equatable {
  case finished
  /// By a signal, whose number it is.
  /// - Parameter hasState: whether there is a state to go on from, where rank 0 says so.
  case interrupted(signal: Int32, hasState: Bool)
}

/// One stage: the training loop, validation, and the checkpoints it keeps. Every rank runs it in step.
final class StageRun {
  let session: RunSession
  let settings: StageSettings
  let directory: StageDirectory?
  let index: Int
  var configuration: RunConfiguration { session.configuration }
  var inputs: RunInputs { session.inputs }
  var places: Places { session.places }

  let student: ClassifierModel
  /// What this stage learns from.
  let rows: TokenizedDataset
  let sampler: Sampler
  /// The student's parameters, then the adaptors' projections.
  let weights: ParameterBuffer
  let objective: StageObjective
  let gradientStep: GradientStep
  let evaluation: Evaluation
  let teachers: StageTeachers
  /// Of which it was said that they teach next to nothing.
  var silentTerms: Set<String> = []
  let updated: UpdatedParameters
  let optimizer: Optimizer
  let schedules: StageSchedules
  private let schedule: Schedule
  let epochBatches: [Int]
  let steps: Int
  var selection: CheckpointSelection?
  var progress = StageProgress()
  /// Found once, as the order of an epoch may be long.
  lazy var measuredSamples = firstSamples()
  /// Whether an earlier process began this stage.
  private var isResumed = false
  /// The step behind which the weights were last found to be sound.
  private var soundStep: Int?
  /// Of this rank, since the last report and since the epoch began.
  private var (recent, inEpoch) = (RankTimes(), RankTimes())
  private let clock = ContinuousClock()
  private var start: ContinuousClock.Instant
  /// What `progress` counted when this process took over.
  private var secondsBefore = 0.0

  /// - Parameters:
  ///   - student: where this stage starts from.
  init(_ settings: StageSettings, index: Int, session: RunSession, student: ClassifierModel) throws {
    self.settings = settings
    self.index = index
    self.session = session
    self.student = student
    directory = try session.directory?.stage(settings.name)
    start = clock.now
    let (configuration, inputs, places) = (session.configuration, session.inputs, session.places)
    rows = inputs.training[index]
    sampler = inputs.training.sampler(stage: index, settings, seed: configuration.run.seed)

    var layout = ParameterLayout()
    let encoder = Encoder(student.configuration, layout: &layout)
    let adaptors = try Self.makeAdaptors(settings, inputs: inputs, layout: &layout)
    objective = StageObjective(task: inputs.task, labelWeight: settings.labelWeight, adaptors: adaptors)
    Self.setLearningRates(settings.training, of: &layout, student: encoder)
    weights = ParameterBuffer(layout, for: "the student's weights")
    weights.values[part: 0..<student.parameterCount].copy(from: student.weights.values)
    // Nobody reads where the stage started from again.
    student.weights.discard(0..<student.parameterCount)
    weights.initialize(layout.entries.filter { $0.role == .projection }, seed: configuration.run.seed)

    let training = settings.training
    teachers = StageTeachers(session, settings, index: index, taps: objective.teacherTaps)
    gradientStep = GradientStep(
      student: encoder, teacher: teachers.training, objective: objective, weights: weights, places: places,
      precision: training.precision.arithmetic, wire: training.wirePrecision,
      summedBy: training.gradientSum,
      // A row that comes twice in a batch would be written by two workers.
      frozenOutputs: settings.update == .head && !sampler.repeatsRows
        ? .forHead(of: encoder, taps: objective.studentTaps, rows: rows.count) : nil)
    evaluation = Evaluation(
      student: encoder, weights: weights, teacher: teachers.validation, objective: objective, places: places,
      comparedRows: training.batchSize)
    updated = Self.updatedParameters(settings, of: layout, student: encoder)
    optimizer = Optimizer(
      training.optimizer, maxGradientNorm: training.maxGradientNorm, layout: layout, updated: updated,
      peakLearningRate: training.learningRate)
    epochBatches = try Self.epochBatches(training, rows: rows.count)
    steps = epochBatches.reduce(0, +)
    schedules = StageSchedules(
      settings, objective, student: encoder, teacher: inputs.teacherConfiguration, layout: layout, steps: steps)
    schedule = Schedule(training.schedule, peak: training.learningRate, totalSteps: steps)
    selection = directory.map { CheckpointSelection(settings.checkpoint, directory: $0) }
  }

  /// Collective: goes on from a state, which rank 0 reads and sends.
  func restore(_ state: RunState, from path: String?) throws {
    progress = state.progress
    progress.earlyStopping.resume(settings.training.earlyStopping)
    secondsBefore = state.progress.seconds
    selection?.restore(state.selection)
    if let path { try session.states?.read(path, weights: weights, optimizer: optimizer) }
    try weights.values.broadcast(among: places.ranks)
    try optimizer.broadcast(among: places.ranks)
    optimizer.steps = state.optimizerSteps
    isResumed = true
  }

  // MARK: The loop

  /// Trains to the stage's end or to a signal.
  func train() throws -> RunEnd {
    start = clock.now
    if isResumed {
      session.journal.announce(.stageStarted(overview))
    } else {
      try session.journal.record(.stageStarted(overview))
      try recordShares(step: 0)
    }
    if progress.validationPending { try conclude(savesState: false) }
    var before = 0
    for (epoch, batches) in epochBatches.enumerated() {
      defer { before += batches }
      guard progress.step < before + batches, !progress.earlyStopping.hasEnded else { continue }
      let order = sampler.batches(epoch: epoch, batchSize: settings.training.batchSize)
      for batch in progress.step - before..<batches {
        try take(
          order[batch], next: batch + 1 < batches ? order[batch + 1] : nil, epoch: epoch, batch: batch)
        if batch + 1 == batches { try reportRanks(ofEpoch: true) }
        let wish = try session.agree()
        if wish.reports { try reportRanks(ofEpoch: false) }
        if let signal = wish.signal {
          progress.validationPending = isConclusionDue
          try saveState()
          return .interrupted(signal: signal, hasState: try session.hasState())
        }
        try conclude(savesState: wish.savesState)
        if progress.earlyStopping.hasEnded { break }
      }
    }
    try finish()
    return .finished
  }

  /// Takes one step, or skips it where its numbers are not finite and the configuration says so.
  private func take(_ samples: ArraySlice<Int>, next: ArraySlice<Int>?, epoch: Int, batch: Int) throws {
    let began = clock.now
    let learningRate = schedule.learningRate(at: progress.step)
    let dropout = dropoutKey(step: progress.step)
    let updated = schedules.updated(at: progress.step)
    let result = try gradientStep.run(
      samples: samples, next: next, data: rows, microBatches: settings.training.microBatches,
      dropout: dropout, updated: updated,
      objective: try schedules.objective(at: progress.step))
    let losses = result.losses
    // Sums are the same on every rank, and so is what follows from them.
    let norm =
      losses.total.isFinite
      ? optimizer.step(
        weights: weights, gradient: gradientStep.gradient, rows: result.rows, learningRate: learningRate,
        pool: places.pool, only: updated)
      : nil
    guard let norm, norm.isFinite else {
      try skip(samples, losses: losses, rows: result.rows)
      return
    }
    progress.step += 1
    let elapsed = (clock.now - began).seconds
    progress.steppingSeconds += elapsed
    progress.sentences += samples.count
    let tokens = samples.reduce(0) { $0 + rows.length($1) }
    let waiting = result.exposedCommunication.seconds
    recent.add(seconds: elapsed, waiting: waiting, sentences: samples.count, tokens: tokens)
    inEpoch.add(seconds: elapsed, waiting: waiting, sentences: samples.count, tokens: tokens)
    try session.journal.record(
      .step(
        StepReport(
          stage: settings.name, step: progress.step, steps: steps, epoch: epoch + 1, epochs: epochBatches.count,
          stepInEpoch: batch + 1, stepsInEpoch: epochBatches[epoch], loss: losses.total, terms: terms(losses),
          learningRate: learningRate, gradientNorm: norm, sentences: samples.count,
          tokens: tokens, seconds: elapsed, exposedCommunication: waiting)))
  }

  /// Collective.
  private func reportRanks(ofEpoch: Bool) throws {
    let times = ofEpoch ? inEpoch : recent
    if ofEpoch { inEpoch = RankTimes() } else { recent = RankTimes() }
    guard
      let report = try times.report(
        stage: settings.name, step: progress.step, isOfEpoch: ofEpoch, ranks: places.ranks)
    else { return }
    // Those in between come when rank 0's clock says so, which no two runs do alike.
    if ofEpoch { try session.journal.record(.ranks(report)) } else { session.journal.announce(.ranks(report)) }
  }

  func dropoutKey(step: Int) -> DropoutKey {
    DropoutKey(
      seed: UInt32(truncatingIfNeeded: configuration.run.seed), step: UInt32(truncatingIfNeeded: step))
  }

  /// Weights and moments are as before the step; its batch is not tried again.
  private func skip(_ samples: ArraySlice<Int>, losses: StageObjective.Losses, rows: [Int]) throws {
    let diagnosis = try diagnose(samples, losses: losses, rows: rows)
    let training = settings.training
    guard training.nonFinite == .skip, progress.skippedSteps < training.maxSkippedSteps else {
      let skipped =
        training.nonFinite == .skip
        ? "\n\(progress.skippedSteps) steps were skipped before, which training.maxSkippedSteps allows" : ""
      throw SharedFailure(diagnosis.message(stage: settings.name, step: progress.step + 1, training) + skipped)
    }
    progress.step += 1
    progress.skippedSteps += 1
    try session.journal.record(
      .stepSkipped(
        SkippedStep(
          stage: settings.name, step: progress.step, skipped: progress.skippedSteps, what: diagnosis.what,
          origin: diagnosis.origin.map { "\($0)" }, rows: diagnosis.rows)))
  }

  private func finish() throws {
    updateSeconds()
    guard let selection, let directory else { return }
    let finished = StageReport(
      stage: settings.name, steps: progress.step, seconds: progress.seconds,
      sentencesPerSecond: Double(progress.sentences) / max(progress.steppingSeconds, 1e-9), best: progress.bestReport,
      bestCheckpoint: selection.best.map { "\(directory.path)/checkpoints/\($0)" })
    try session.journal.record(.stageFinished(finished))
    session.finishedStages.append(finished)
  }

  // MARK: What follows a step

  private var epochOfLastStep: (number: Int, isEnd: Bool) {
    // All epochs but the last have as many batches as the first.
    let batches = epochBatches[0]
    return ((max(1, progress.step) - 1) / batches + 1, progress.step % batches == 0 || progress.step == steps)
  }

  private var isConclusionDue: Bool {
    epochOfLastStep.isEnd || settings.training.validateEverySteps.map { progress.step % $0 == 0 } ?? false
  }

  /// Validates and saves what is due after a step.
  private func conclude(savesState: Bool) throws {
    progress.validationPending = false
    let validates = isConclusionDue
    if validates {
      let epoch = epochOfLastStep
      try validateAndSave(step: progress.step, epoch: epoch.number)
      if epoch.isEnd { try reportCache(epoch: epoch.number) }
    }
    let isDue = configuration.run.saveStateEverySteps.map { progress.step % $0 == 0 } ?? validates
    if isDue || savesState || progress.step == steps || progress.earlyStopping.hasEnded {
      try saveState()
    } else if validates {
      try session.prune(stage: settings.name, selection: selection)
    }
  }

  /// Collective: saves what a later process needs to go on from here.
  private func saveState() throws {
    try requireSoundWeights()
    guard let states = session.states, let selection, let journal = session.journal.log else { return }
    updateSeconds()
    journal.flush()
    let state = RunState(
      stageIndex: index, stage: settings.name, progress: progress, epoch: epochOfLastStep.number,
      optimizerSteps: optimizer.steps, selection: selection.record, finishedStages: session.finishedStages,
      checkpoints: session.checkpoints(stage: settings.name, selection: selection), metricsBytes: journal.length,
      seconds: session.seconds, threads: session.threads, identity: session.identity)
    try session.saveState { try states.save(state, weights: weights, optimizer: optimizer) }
  }

  /// Collective: nothing is saved of weights that are not numbers, or that ranks do not share.
  func requireSoundWeights() throws {
    guard soundStep != progress.step else { return }
    defer { soundStep = progress.step }
    if let key = weights.firstNonFinite() {
      throw SharedFailure(
        "stage \(settings.name), step \(progress.step): \(key) is not a finite number: "
          + settings.training.remedyForDivergence)
    }
    try RankAgreement.require(weights: weights, stage: settings.name, step: progress.step, places: places)
  }

  private func updateSeconds() { progress.seconds = secondsBefore + (clock.now - start).seconds }
}

extension UnsafeMutableBufferPointer<Float> {
  /// Collective: replaces the values on every rank by rank 0's.
  fileprivate func broadcast(among ranks: any Communicator) throws {
    guard ranks.size > 1 else { return }
    // In parts, as each is copied.
    let part = 4 << 20
    for start in Swift.stride(from: 0, to: count, by: part) {
      let own = UnsafeMutableRawBufferPointer(
        UnsafeMutableBufferPointer(rebasing: self[start..<Swift.min(start + part, count)]))
      var bytes = ranks.rank == 0 ? Array(own) : []
      try ranks.broadcast(&bytes, from: 0)
      own.copyBytes(from: bytes)
    }
  }
}
