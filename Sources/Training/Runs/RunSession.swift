import Checkpoints
import Collectives
import Encoders

/// What the stages of a run share, on each rank.
final class RunSession {
  let configuration: RunConfiguration
  let inputs: RunInputs
  /// What all stages' adaptors read of each teacher, whose weights among the inputs are used up for it; `nil` of one whose
  /// predictions take its place.
  let teachers: [FrozenModel?]
  /// The first that is a model.
  var teacher: FrozenModel? { teachers.lazy.compactMap { $0 }.first }
  let places: Places
  let identity: RunIdentity
  let journal: RunJournal
  /// Rank 0's.
  let directory: RunDirectory?
  let attention: AttentionWatch?
  let states: StateDirectory?
  var finishedStages: [StageReport] = []
  /// The student's checkpoints that finished stages keep, relative to the run's directory.
  private(set) var settled: [String] = []
  /// The signal that asked this rank to stop, if one did.
  private let stopSignal: () -> Int32?
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private var lastSave: ContinuousClock.Instant
  private var lastReport: ContinuousClock.Instant?
  /// Of earlier processes.
  private let secondsBefore: Double
  /// Failures since the last success, by what was to be saved.
  private var failedSaves: [String: Int] = [:]

  init(
    _ configuration: RunConfiguration, inputs: RunInputs, teachers: [FrozenModel?], identity: RunIdentity,
    places: Places,
    journal: RunJournal,
    directory: RunDirectory?, attention: AttentionWatch?, states: StateDirectory?, resuming state: RunState?,
    stopSignal: @escaping () -> Int32?
  ) {
    self.configuration = configuration
    self.inputs = inputs
    self.teachers = teachers
    self.identity = identity
    self.places = places
    self.journal = journal
    self.directory = directory
    self.attention = attention
    self.states = states
    self.stopSignal = stopSignal
    start = clock.now
    lastSave = start
    secondsBefore = state?.seconds ?? 0
    if let state {
      finishedStages = state.finishedStages
      settled = state.checkpoints.filter { !$0.hasPrefix("stages/\(state.stage)/") }
    }
  }

  /// Since the run began, over all processes that worked on it.
  var seconds: Double { secondsBefore + (clock.now - start).seconds }

  /// Worker threads of each rank.
  var threads: [Int] { (0..<places.ranks.size).map(places.workers(ofRank:)) }

  // MARK: Agreement

  /// What all ranks do behind a step.
  struct Wish {
    /// Stop, for this signal.
    let signal: Int32?
    let savesState: Bool
    /// Tell rank 0 how this rank is doing.
    let reports: Bool
  }

  /// Collective: a signal to any rank is one to all, and rank 0's clock is everybody's.
  func agree() throws -> Wish {
    let own = stopSignal()
    let isLate =
      places.ranks.rank == 0
      && configuration.run.saveStateEveryMinutes.map { (clock.now - lastSave).seconds >= 60 * $0 } ?? false
    let reports =
      places.ranks.rank == 0
      && lastReport.map { (clock.now - $0).seconds >= configuration.run.logEverySeconds } ?? true
    if reports { lastReport = clock.now }
    var sums = [own == nil ? 0 : 1, Double(own ?? 0), isLate ? 1 : 0, reports ? 1 : 0]
    try places.ranks.sum(&sums)
    // Of several signals, that of the first rank would be as good as their average.
    return Wish(
      signal: sums[0] > 0 ? Int32(sums[1] / sums[0]) : nil, savesState: sums[2] > 0, reports: sums[3] > 0)
  }

  // MARK: Saving

  /// The student's checkpoints that the run needs while a stage is at work.
  func checkpoints(stage: String, selection: CheckpointSelection) -> [String] {
    settled + selection.record.names.sorted().map { "stages/\(stage)/checkpoints/\($0)" }
  }

  /// Removes checkpoints that neither the run nor a state needs. Only on rank 0 is there anything to do.
  func prune(stage: String, selection: CheckpointSelection?) throws {
    guard let selection else { return }
    try tolerating("old checkpoints") {
      try states?.prune(keeping: checkpoints(stage: stage, selection: selection))
    }
  }

  /// Counts a stage's checkpoints among those that stay.
  func settle(stage: String, selection: CheckpointSelection?) {
    guard let selection else { return }
    settled = checkpoints(stage: stage, selection: selection)
  }

  /// Ends the run's directory.
  func close(_ report: RunReport) throws {
    try directory?.finish(report)
    try states?.close()
  }

  /// Whether there is a state to go on from, as rank 0 sees it.
  func hasState() throws -> Bool { try !(states?.candidates() ?? []).isEmpty }

  /// Saves the state by `save`.
  func saveState(_ save: () throws -> Void) throws {
    lastSave = clock.now
    try tolerating("the state", save)
  }

  /// Saves something, and where that fails does as configured.
  ///
  /// - Parameters:
  ///   - what: as a notice calls it.
  ///   - isEssential: whether a run without it would have been for nothing.
  func tolerating(_ what: String, isEssential: Bool = false, _ save: () throws -> Void) throws {
    do {
      try save()
      failedSaves[what] = 0
    } catch {
      let failures = failedSaves[what, default: 0] + 1
      failedSaves[what] = failures
      let run = configuration.run
      guard run.onFailedSave == .continue, !isEssential, failures < run.maxFailedSaves else { throw error }
      journal.announce(
        .notice(
          "\(what) could not be saved (\(failures) of \(run.maxFailedSaves) failures before the run stops): \(error)"
        ))
    }
  }
}
