import Checkpoints
import Glibc
import JSON

/// Where a run begins, as rank 0 finds it in the run's directory.
enum Resumption {
  /// In an empty directory, or one whose run is replaced.
  case start
  /// From a state, at this path.
  case state(RunState, path: String)
  /// The run has ended already.
  case finished

  /// What can be told before anything is loaded.
  enum Prospect {
    case start
    /// One of these states, newest first.
    case states([String])
    case finished
  }
}

extension RunDirectory {
  /// What a run may begin with here.
  ///
  /// - Throws: where the directory holds a run and is to hold another.
  func prospect(
    _ configuration: RunConfiguration, resume: RunSettings.Resume, states: StateDirectory, allowsChanges: Bool
  ) throws -> Resumption.Prospect {
    switch resume {
    case .none:
      try check(configuration, replaces: configuration.run.overwrite)
      return .start
    case .auto:
      let candidates = try states.candidates()
      if isFinished {
        guard !(try changes(of: configuration)).isEmpty else { return .finished }
        if allowsChanges, !candidates.isEmpty { return .states(candidates) }
        try requireSameConfiguration(configuration, allowsChanges: false, states: candidates)
        return .finished
      }
      if candidates.isEmpty {
        try requireSameConfiguration(configuration, allowsChanges: allowsChanges || configuration.run.overwrite)
        try check(configuration, replaces: true)
        return .start
      }
      return .states(candidates)
    case .path(let path):
      return .states([try state(at: path, in: states)])
    }
  }

  /// The one state that a path names: itself, or through the link `last`.
  private func state(at path: String, in states: StateDirectory) throws -> String {
    guard let resolved = resolved(path) else {
      throw ModelError(
        "run.resume: \(path.escapedForDisplay): \(String(cString: strerror(errno))); expected none, auto, or one of the "
          + "directories in \(states.path)")
    }
    guard let own = try states.candidates().first(where: { self.resolved($0) == resolved }) else {
      throw ModelError(
        "run.resume: \(path.escapedForDisplay): expected one of the directories in \(states.path); a run goes on in its "
          + "own directory only")
    }
    return own
  }

  /// Refuses to take another run's directory for this one's.
  private func requireSameConfiguration(
    _ configuration: RunConfiguration, allowsChanges: Bool, states: [String] = []
  ) throws {
    guard !allowsChanges else { return }
    let differences = try changes(of: configuration)
    guard !differences.isEmpty else { return }
    let remedy =
      if !isFinished {
        "choose another directory, restore what changed, or give --allow-changes"
      } else if states.isEmpty {
        "the run has finished and its last state was not kept (run.keepFinalState); to train its model further, set "
          + "student.model=\(path)/last and another run.directory"
      } else {
        "the run has finished; give --allow-changes to go on from its last state, as for more epochs of its last stage, or "
          + "choose another directory"
      }
    throw ModelError(
      "run.directory: \(path) holds a run of another configuration:"
        + differences.map { "\n  \($0.description)" }.joined() + "\n\(remedy)")
  }

  /// Against the configuration of the run in the directory.
  private func changes(of configuration: RunConfiguration) throws -> [RunIdentity.Difference] {
    guard let earlier = earlierConfiguration() else { return [] }
    return try RunIdentity(configuration).differences(from: RunIdentity(earlier))
  }

  /// That of the run in the directory, where it can be read.
  private func earlierConfiguration() -> RunConfiguration? {
    let path = "\(path)/config.yaml"
    return exists(path) ? try? RunConfiguration(path: path) : nil
  }

  /// What a run that had finished does when it goes on from its last state.
  ///
  /// - Throws: where there is nothing more to train.
  private func furtherTraining(
    from state: RunState, _ configuration: RunConfiguration, _ inputs: RunInputs
  ) throws -> String {
    guard let index = configuration.stages.firstIndex(where: { $0.name == state.stage }) else { return "" }
    let (stage, done) = (configuration.stages[index], state.progress.step)
    let steps = try StageRun.epochBatches(stage.training, rows: inputs.training[index].count).reduce(0, +)
    var stopping = state.progress.earlyStopping
    stopping.resume(stage.training.earlyStopping)
    if steps > done, !stopping.hasEnded {
      return
        "the run had finished: stage \(stage.name) goes on from step \(done) to \(steps); its schedules, such as the "
        + "learning rate's, are those of \(steps) steps"
    }
    if index + 1 < configuration.stages.count {
      return "the run had finished: it goes on with stage \(configuration.stages[index + 1].name)"
    }
    let key = if case .epochs = stage.training.duration { "epochs" } else { "maxSteps" }
    throw ModelError(
      "run.directory: \(path): the run has finished, and nothing is left to train: "
        + (stopping.hasEnded
          ? "stage \(stage.name) was stopped early; raise stages.\(stage.name).earlyStopping.patience"
          : "stage \(stage.name), its last, has \(steps) steps, and \(done) are done; raise stages.\(stage.name).\(key)")
        + ", or choose another directory")
  }

  /// Picks the state to go on from, and says why the others were not picked.
  ///
  /// - Parameters:
  ///   - inputs: of the configuration, as is `identity`.
  /// - Throws: where the state that would be used is of a run that differs.
  func choose(
    _ candidates: [String], from states: StateDirectory, resume: RunSettings.Resume, identity: RunIdentity,
    configuration: RunConfiguration, inputs: RunInputs, allowsChanges: Bool
  ) throws -> (resumption: Resumption, notices: [String]) {
    // Of a state that the user named, and of a run that has finished, no other will do.
    let isOnly = if case .path = resume { true } else { isFinished }
    var notices: [String] = []
    for candidate in candidates {
      let state: RunState
      do {
        state = try states.verified(candidate)
      } catch {
        guard !isOnly else { throw error }
        notices.append("\(candidate) cannot be used: \(error)")
        continue
      }
      let old = try earlierConfiguration().map { try state.identity.completed(by: $0) } ?? state.identity
      let changes = identity.told(like: old, inputs).changes(since: old)
      let listed = changes.refused.map { "\n  \($0.description)" }.joined()
      guard changes.refused.isEmpty || allowsChanges else {
        throw ModelError(
          "\(candidate): the run has changed since this was saved:\(listed)\n"
            + "restore what changed, or give --allow-changes to go on with it")
      }
      if !changes.refused.isEmpty { notices.append("resuming although the run has changed:\(listed)") }
      if changes.isOtherProgram {
        notices.append("another build of distill-ddp saved this state: results may differ in their last bits")
      }
      if let earlier = changes.instructions?.old, let now = changes.instructions?.new {
        notices.append(
          "bfloat16 products were computed in \(Self.body(earlier)) and go on in \(Self.body(now)): results may differ in "
            + "their last bits")
      }
      guard configuration.stages.contains(where: { $0.name == state.stage }) else {
        throw ModelError("\(candidate): expected a stage \(state.stage.quoted) in the configuration, found none")
      }
      notices.append(
        "resuming from \(candidate): \(candidate == candidates.first ? "the newest state" : "the newest that can be used"), stage "
          + "\(state.stage), step \(state.progress.step)")
      if isFinished { notices.append(try furtherTraining(from: state, configuration, inputs)) }
      return (.state(state, path: candidate), notices)
    }
    try requireSameConfiguration(configuration, allowsChanges: allowsChanges || configuration.run.overwrite)
    try check(configuration, replaces: true)
    notices.append("no state in \(states.path) can be used: starting from the beginning")
    return (.start, notices)
  }

  private static func body(_ instructions: String) -> String {
    instructions == "portable" ? "portable code" : "\(instructions) instructions"
  }
}
