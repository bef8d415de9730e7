import Checkpoints
import Collectives
import Distillation
import Encoders
import Glibc
import Hub
import JSON
import Kernels
import Limits
import Text

/// Runs a configuration: loads what it names, then its stages one after the other.
package struct Trainer {
  private let configuration: RunConfiguration
  private let resume: RunSettings.Resume
  private let allowsChanges: Bool
  private let isOneOfMany: Bool
  private let places: Places
  private let hub: Hub
  private let stopSignal: () -> Int32?
  private let observe: (TrainingEvent) -> Void

  /// - Parameters:
  ///   - resume: in place of what the configuration says.
  ///   - allowsChanges: whether a run may go on although its configuration, data or models have changed.
  ///   - hub: finds models by name.
  ///   - isOneOfMany: whether ranks go on with another run where this one fails: then what one of them finds wrong
  ///     before training is a `SharedFailure` of all.
  ///   - stopSignal: asked behind each step; a signal's number saves the state and ends the run on all ranks.
  ///   - observe: told of every event, on rank 0 only.
  package init(
    _ configuration: RunConfiguration, places: Places, resume: RunSettings.Resume? = nil, allowsChanges: Bool = false,
    isOneOfMany: Bool = false, hub: Hub, stopSignal: @escaping () -> Int32? = { nil },
    observe: @escaping (TrainingEvent) -> Void
  ) {
    self.configuration = configuration.withPrecisionResolved
    self.resume = resume ?? configuration.run.resume
    self.allowsChanges = allowsChanges
    self.isOneOfMany = isOneOfMany
    self.places = places
    self.hub = hub
    self.stopSignal = stopSignal
    self.observe = observe
  }

  private var isRoot: Bool { places.ranks.rank == 0 }

  /// Trains to the end, or to a signal. Every rank calls it.
  ///
  /// - Throws: what configuration, model, data or collectives find wrong; the caller ends the job.
  package func run() throws -> RunEnd {
    let journal = RunJournal(observe: isRoot ? observe : nil)
    let directory = RunDirectory(path: configuration.run.directory)
    let states = StateDirectory(directory, configuration.run)
    // Ranks that would train different runs do not even agree on which models to look for.
    try RankAgreement.require(RunIdentity(job: configuration, resume: resume), among: places.ranks)
    var claim: FileLock?
    defer { claim = nil }
    // Looked at before anything is loaded, as that may take long.
    let prospect = try together {
      guard isRoot else { return nil as Resumption.Prospect? }
      func prospect() throws -> Resumption.Prospect {
        try directory.prospect(configuration, resume: resume, states: states, allowsChanges: allowsChanges)
      }
      // A run that has ended is looked at first, perhaps where nothing can be written.
      if resume == .auto, directory.isFinished, case .finished = try prospect() { return .finished }
      claim = try directory.claim()
      return try prospect()
    }
    var isFinished = [UInt8](repeating: 0, count: 1)
    if case .finished = prospect { isFinished = [1] }
    try places.ranks.broadcast(&isFinished, from: 0)
    if isFinished == [1] {
      // A process that was killed behind its summary left the rest of its end to this one.
      if isRoot { try states.close() }
      journal.announce(.notice("\(directory.path): the run has finished already; there is nothing to resume"))
      return .finished
    }
    let locations: [Hub.Location]
    let datasets: [(name: String, commit: String)]
    var located = configuration
    do {
      locations = try places.locate(configuration.models.map(\.model), in: hub)
      (located, datasets) = try places.locateDatasets(of: configuration, in: hub)
    } catch HubError.cancelled {
      let hasState = if case .states = prospect { true } else { false }
      return .interrupted(signal: stopSignal() ?? SIGTERM, hasState: hasState)
    }
    let (inputs, identity) = try together { [located] in
      let inputs = try RunInputs(
        located.reading(locations), threads: places.pool.workers, ranksOfHost: places.ranks.localSize)
      for (index, stage) in configuration.stages.enumerated() {
        try StageRun.check(stage, index: index, inputs: inputs)
      }
      return (inputs, try RunIdentity(configuration, inputs, threads: places.pool.workers))
    }
    try RankAgreement.require(identity, among: places.ranks)
    let repairs = try places.ranks.gather(JSON.array(inputs.repairs.map(JSON.string)).bytes(), to: 0) ?? []
    for repair in try repairs.flatMap({ try JSON.parse($0).array ?? [] }).compactMap(\.string) {
      journal.announce(.notice(repair))
    }
    // Nobody writes before everybody has loaded.
    try places.ranks.barrier()
    let (state, path) = try begin(
      prospect, directory, states, &claim, inputs: inputs, identity: identity, journal: journal)
    let report = state == nil ? journal.record : { journal.announce($0) }
    for ((key, model), location) in zip(configuration.models, locations) {
      if let commit = location.commit { try report(.notice("\(key): \(model) is commit \(commit)")) }
    }
    for (name, commit) in datasets { try report(.notice("data: \(name) is commit \(commit)")) }
    // What is told of the student's beginning is not true of one that goes on.
    let notices = state == nil ? inputs.notices : inputs.teacher?.notices ?? []
    let plan = try isRoot ? RunPlan(configuration, inputs) : nil
    for notice in try notices + warnings(inputs) + (memoryWarning(plan).map { [$0] } ?? []) {
      try report(.notice(notice))
    }
    let attention = try isRoot ? watchAttention(inputs) : nil
    let session = RunSession(
      configuration, inputs: inputs, teachers: try freezeTeachers(inputs), identity: identity, places: places,
      journal: journal, directory: isRoot ? directory : nil, attention: attention, states: isRoot ? states : nil,
      resuming: state, stopSignal: stopSignal)
    if let plan { try report(.runStarted(overview(inputs, plan))) }
    if let state { warn(of: state, session) }
    // What a signal during loading would save is there already, or is nothing.
    if let signal = try session.agree().signal {
      return .interrupted(signal: signal, hasState: try session.hasState())
    }
    return try train(session, from: state, at: path)
  }

  /// Collective: `body`, whose failure on one rank is one of all where others runs are to follow.
  private func together<Result>(_ body: () throws -> Result) throws -> Result {
    isOneOfMany ? try places.ranks.together(body) : try body()
  }

  /// Decides on rank 0 what the run starts from, prepares its directory, and tells all ranks.
  ///
  /// - Returns: the state to go on from, and on rank 0 its path.
  private func begin(
    _ prospect: Resumption.Prospect?, _ directory: RunDirectory, _ states: StateDirectory, _ claim: inout FileLock?,
    inputs: RunInputs, identity: RunIdentity, journal: RunJournal
  ) throws -> (RunState?, path: String?) {
    var resumption = Resumption.start
    let choice: (resumption: Resumption, notices: [String])? = try together {
      guard case .states(let candidates) = prospect else { return nil }
      return try directory.choose(
        candidates, from: states, resume: resume, identity: identity, configuration: configuration, inputs: inputs,
        allowsChanges: allowsChanges)
    }
    if let choice {
      for notice in choice.notices { journal.announce(.notice(notice)) }
      resumption = choice.resumption
    } else if prospect != nil, resume == .auto {
      journal.announce(.notice("\(directory.path): no run to resume: starting from the beginning"))
    }
    var bytes = JSON.null.bytes()
    var found: (RunState?, path: String?) = (nil, nil)
    if case .state(let state, let path) = resumption {
      bytes = state.json.bytes()
      found = (state, path)
    }
    if isRoot {
      if claim == nil {
        // There was no directory to claim. If there is a run in it by now, it is another process's.
        try createDirectories(directory.path)
        claim = try directory.claim()
        try directory.check(configuration, replaces: false)
      }
      try prepare(directory, states, for: found.0, journal: journal)
    }
    try places.ranks.broadcast(&bytes, from: 0)
    if isRoot { return found }
    let json = try JSON.parse(bytes)
    return (json.isNull ? nil : try RunState(json: json), nil)
  }

  private func prepare(
    _ directory: RunDirectory, _ states: StateDirectory, for state: RunState?, journal: RunJournal
  ) throws {
    let log = "\(directory.path)/metrics.jsonl"
    guard let state else {
      try directory.begin(configuration: configuration)
      journal.log = try MetricsLog(path: log)
      journal.exports = LogExports(configuration, logPath: log) { [weak journal] in
        journal?.announce(.notice($0))
      }
      return
    }
    try directory.resume(state, selection: state.selection, configuration: configuration)
    try states.adopt(state)
    try states.prune(keeping: state.checkpoints)
    journal.log = try MetricsLog(path: log, from: state.metricsBytes)
    journal.exports = LogExports(configuration, logPath: log) { [weak journal] in
      journal?.announce(.notice($0))
    }
    if let length = journal.log?.length, length < state.metricsBytes {
      journal.announce(
        .notice("\(log): expected \(state.metricsBytes) bytes up to here, found \(length): its older lines are lost"))
    }
  }

  /// Tells what makes a resumed run differ from one that was never interrupted.
  private func warn(of state: RunState, _ session: RunSession) {
    let isPinned = configuration.stages.allSatisfy { $0.training.microBatches != .auto }
    guard state.threads != session.threads, !isPinned else { return }
    session.journal.announce(
      .notice(
        "the state was saved by \(Self.job(state.threads)), and this is \(Self.job(session.threads)): results will differ "
          + "in their last bits; set training.microBatches to a number to prevent that"))
  }

  /// `2 ranks, 1 thread each`
  private static func job(_ threads: [Int]) -> String {
    let ranks = threads.count == 1 ? "1 rank" : "\(threads.count) ranks"
    func counted(_ threads: Int) -> String { threads == 1 ? "1 thread" : "\(threads) threads" }
    guard let first = threads.first, threads.allSatisfy({ $0 == first }) else {
      return "\(ranks) with \(threads.map(String.init).joined(separator: ", ")) threads"
    }
    return threads.count == 1 ? "\(ranks) with \(counted(first))" : "\(ranks), \(counted(first)) each"
  }

  private func train(_ session: RunSession, from state: RunState?, at path: String?) throws -> RunEnd {
    var student = session.inputs.student
    var test: TestReport?
    let first = state.flatMap { state in configuration.stages.firstIndex { $0.name == state.stage } } ?? 0
    for (index, stage) in configuration.stages.enumerated().dropFirst(first) {
      let run = try StageRun(stage, index: index, session: session, student: student)
      if index == first, let state { try run.restore(state, from: path) }
      let end = try run.train()
      guard end == .finished else { return end }
      session.settle(stage: stage.name, selection: run.selection)
      if let directory = run.directory { try session.directory?.link(stage: directory) }
      if index + 1 < configuration.stages.count {
        student = try run.student(from: configuration.stages[index + 1].initialize)
      } else {
        test = try run.test()
      }
    }
    guard isRoot else { return .finished }
    let summary = RunReport(
      directory: configuration.run.directory, stages: session.finishedStages, test: test, seconds: session.seconds,
      studentParameters: student.parameterCount, model: "\(configuration.run.directory)/best",
      checkpoints: session.settled)
    // The log is complete before the summary says that the run is.
    try session.journal.record(.runFinished(summary))
    session.journal.log?.flush()
    try session.close(summary)
    return .finished
  }

  /// Collective: readies the teachers for all stages.
  private func freezeTeachers(_ inputs: RunInputs) throws -> [FrozenModel?] {
    var taps = TapSelection()
    for adaptors in try adaptors(inputs) {
      taps.formUnion(StageObjective(task: inputs.task, labelWeight: 0, adaptors: adaptors).teacherTaps)
    }
    return try zip(inputs.teachers, configuration.teachers).map { teacher, settings in
      guard let model = teacher.model else { return nil }
      let texts = teacher.texts
      let training = texts?.training.all ?? inputs.training.all
      let words = [training, texts == nil ? inputs.validation : texts?.validation].compactMap { $0 }.reduce(
        into: Set<Int>()
      ) {
        $0.formUnion($1.occurringTokens)
      }
      let precision = settings.precision.resolved
      // What it gives in 32 bits can be asked for as long as its weights are there.
      let calibration =
        precision == .int8 ? Calibration(model, taps: taps, rows: training, name: settings.model ?? "teacher") : nil
      let frozen = try places.freeze(model, for: taps, words: words.sorted(), precision: precision)
      try calibration?.check(frozen)
      return frozen
    }
  }

  /// Before the teacher is frozen: then only what adaptors read of it is there.
  private func watchAttention(_ inputs: RunInputs) throws -> AttentionWatch? {
    // Maps of other tokens cannot be laid side by side.
    guard let teacher = inputs.teacher, let validation = inputs.validation,
      inputs.teachers.first(where: { $0.model != nil })?.texts == nil
    else { return nil }
    let pairs = try adaptors(inputs).joined().map { weighted in
      (weighted.adaptor.name, weighted.adaptor.pairs.map { ($0.student, $0.teacher) })
    }
    return AttentionWatch(
      validation, tokenizer: inputs.tokenizer, teacher: teacher,
      layers: ComparedLayers.of(
        pairs, student: inputs.student.configuration.layers, teacher: teacher.configuration.layers))
  }

  /// What the stages will not learn as they are set.
  private func warnings(_ inputs: RunInputs) throws -> [String] {
    try configuration.stages.enumerated().flatMap { index, stage in
      let rows = inputs.training[index].count
      return StageWarnings(
        stage, epochBatches: try StageRun.epochBatches(stage.training, rows: rows), rows: rows,
        validates: inputs.validation != nil
      ).texts
    }
  }

  /// Of each stage.
  private func adaptors(_ inputs: RunInputs) throws -> [[WeightedAdaptor]] {
    try configuration.stages.map { stage in
      var layout = ParameterLayout()
      _ = Encoder(inputs.student.configuration, layout: &layout)
      return try StageRun.makeAdaptors(stage, inputs: inputs, layout: &layout)
    }
  }

  /// Before teachers are packed, as that takes a part of it.
  private func memoryWarning(_ plan: RunPlan?) -> String? {
    plan?.memory(ranks: places.ranks.size, threads: places.pool.workers).warning(
      ranks: places.ranks.localSize, used: ProcessMemory.bytes(), limits: MemoryLimit.all())
  }

  private func overview(_ inputs: RunInputs, _ plan: RunPlan) -> RunOverview {
    RunOverview(
      directory: configuration.run.directory, ranks: places.ranks.size, threads: places.pool.workers,
      simd: simdLevel, host: RankFacts.ownHostName,
      blas: openBLASInUse().map { "OpenBLAS \($0.core)" } ?? "own matrix product",
      teacher: configuration.teachers.isEmpty ? nil : configuration.teacherName,
      teacherPrecision: inputs.teacher == nil ? nil : configuration.teacher?.precision.resolved.withInstructions,
      teacherParameters: inputs.teacher?.parameterCount, studentParameters: inputs.student.parameterCount,
      trainRows: inputs.training.trainRows, unlabelledRows: inputs.training.all.count - inputs.training.trainRows,
      trainMeanLength: inputs.training.all.meanLength, truncatedRows: inputs.training.all.truncatedRows,
      validationRows: inputs.validation?.count,
      stageOperations: plan.stages.map(\.operations))
  }
}

extension Duration {
  package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
