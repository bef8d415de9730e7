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
      if isFinished {
        // Its states are gone, so that there is nothing to go on from with changes.
        try requireSameConfiguration(configuration, allowsChanges: false, isFinished: true)
        return .finished
      }
      let candidates = try states.candidates()
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
    _ configuration: RunConfiguration, allowsChanges: Bool, isFinished: Bool = false
  ) throws {
    let path = "\(path)/config.yaml"
    guard !allowsChanges, exists(path), let earlier = try? RunConfiguration(path: path) else { return }
    let differences = try RunIdentity(configuration).differences(from: RunIdentity(earlier))
    guard !differences.isEmpty else { return }
    throw ModelError(
      "run.directory: \(self.path) holds a run of another configuration:"
        + differences.map { "\n  \($0.description)" }.joined()
        + (isFinished
          ? "\nthe run has finished; to train its model further, set student.model=\(self.path)/last and another "
            + "run.directory"
          : "\nchoose another directory, restore what changed, or give --allow-changes"))
  }

  /// Picks the state to go on from, and says why the others were not picked.
  ///
  /// - Parameters:
  ///   - isOnly: whether the user named the state, so that no other will do.
  /// - Throws: where the state that would be used is of a run that differs.
  func choose(
    _ candidates: [String], from states: StateDirectory, isOnly: Bool, identity: RunIdentity,
    configuration: RunConfiguration, allowsChanges: Bool
  ) throws -> (Resumption, notices: [String]) {
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
      let changes = identity.changes(since: state.identity)
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
      if let old = changes.instructions?.old, let new = changes.instructions?.new {
        notices.append(
          "bfloat16 products were computed in \(Self.body(old)) and go on in \(Self.body(new)): results may differ in "
            + "their last bits")
      }
      guard configuration.stages.contains(where: { $0.name == state.stage }) else {
        throw ModelError("\(candidate): expected a stage \(state.stage.quoted) in the configuration, found none")
      }
      notices.append(
        "resuming from \(candidate): \(notices.isEmpty ? "the newest state" : "the newest that can be used"), stage "
          + "\(state.stage), step \(state.progress.step)")
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
