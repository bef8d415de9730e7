import Checkpoints
import Glibc

/// Models by name: in directories of this machine, in the cache, and on the hub.
package struct Hub: Sendable {
  package let settings: HubSettings
  private let isCancelled: @Sendable () -> Bool
  private let observe: @Sendable (HubEvent) -> Void

  /// - Parameters:
  ///   - isCancelled: asked about every second; `true` ends a download, which can go on later.
  ///   - observe: told what a download does, on the thread that downloads.
  package init(
    _ settings: HubSettings, isCancelled: @escaping @Sendable () -> Bool = { false },
    observe: @escaping @Sendable (HubEvent) -> Void = { _ in }
  ) {
    self.settings = settings
    self.isCancelled = isCancelled
    self.observe = observe
  }

  var client: HubClient { HubClient(settings: settings, isCancelled: isCancelled, observe: observe) }

  /// A model that was found.
  package struct Location: Sendable, Equatable {
    /// The directory.
    package let path: String
    /// The commit it is, where it came by name.
    package let commit: String?

    package init(path: String, commit: String? = nil) {
      self.path = path
      self.commit = commit
    }
  }

  /// How far finding a model may go.
  package enum Effort: Sendable {
    /// To what is on this machine.
    case cache
    /// To the hub, for what is not in the cache.
    case download
    /// To the hub, for what a branch is by now.
    case refresh
  }

  /// Finds a model's directory: one of that path, or else the snapshot of that name, which is downloaded where the cache
  /// lacks it. What is neither is taken for a path, to be found missing.
  package func locate(_ model: String, effort: Effort) throws -> Location {
    guard access(model, F_OK) != 0, let name = HubName(model) else { return Location(path: model) }
    do {
      return try locate(name, effort: effort)
    } catch let error as HubError {
      if case .cancelled = error { throw error }
      // To fetch it by that name would not help.
      throw name.looksLikePath ? HubError.notHere(path: model) : error
    }
  }

  /// Finds a model as the commit that another rank found; without one it is a path.
  package func locate(_ model: String, commit: String) throws -> Location {
    guard isCommit(commit), let name = HubName(model) else { return Location(path: model) }
    return try locate(
      name.at(commit), effort: .download, reference: name.revision)
  }

  /// - Parameter reference: the revision that the name's commit is of, to be noted in the cache.
  package func locate(_ name: HubName, effort: Effort, reference: String? = nil) throws -> Location {
    let cache = HubCache(directory: settings.cache, name)
    let known = cache.commit(of: name.revision).map(cache.snapshot)
    let isUsable = known?.missing.isEmpty ?? false
    let mayAsk = effort != .cache && !settings.isOffline
    if let known, isUsable, !mayAsk || (effort == .download && known.isSettled) {
      return Location(path: known.path, commit: known.commit)
    }
    guard mayAsk else {
      throw HubError.offline(name: name.description, cache: settings.cache, missing: known?.missing ?? [])
    }
    // What was begun as one commit goes on as that.
    let asked = effort == .refresh ? nil : known.map { name.at($0.commit) }
    do {
      let fetch = SnapshotFetch(
        name: asked ?? name, shown: name.description, cache: cache,
        client: client)
      let snapshot = try fetch.run()
      for revision in [name.revision, reference].compactMap({ $0 }) where !isCommit(revision) {
        try cache.setCommit(snapshot.commit, of: revision)
      }
      return Location(path: snapshot.path, commit: snapshot.commit)
    } catch HubError.unreachable(let subject, let problem) {
      guard effort != .refresh, let known, isUsable else {
        throw HubError.unreachable(
          subject: name.description, problem: "does not exist here as a directory, and \(subject): \(problem)")
      }
      observe(.notice("\(name): the cache's files are used; \(subject) could not be asked for more: \(problem)"))
      return Location(path: known.path, commit: known.commit)
    }
  }
}
