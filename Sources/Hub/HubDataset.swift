import Checkpoints
import Glibc
import JSON

/// A data set's repository on the hub at one commit: which files it has, and those of them that are in the cache.
package struct HubDataset: Sendable {
  package let name: HubName
  package let commit: String
  /// All that the commit has, with their folders; where nobody could be asked, those that the cache has.
  package let files: [String]
  private let hub: Hub
  private let cache: HubCache
  private let mayAsk: Bool

  fileprivate init(_ name: HubName, commit: String, files: [String], hub: Hub, cache: HubCache, mayAsk: Bool) {
    (self.name, self.commit, self.files, self.hub, self.cache) = (name, commit, files.sorted(), hub, cache)
    self.mayAsk = mayAsk
  }

  /// Brings files into the cache that it lacks.
  /// - Returns: their paths, in the order given.
  package func fetch(_ wanted: [String]) throws -> [String] {
    let snapshot = cache.snapshot(commit)
    let missing = wanted.filter { !snapshot.has($0) }
    if !missing.isEmpty {
      guard mayAsk else {
        throw HubError.datasetOffline(name: name.description, cache: hub.settings.cache, missing: missing)
      }
      let client = hub.client
      let pinned = name.at(commit)
      let remote = try missing.map { file in
        guard let found = try client.metadata(of: file, in: pinned) else {
          throw HubError.failed(subject: name.description, problem: "expected \(file) on the hub, found none")
        }
        return found
      }
      try cache.createFolders(commit: commit)
      try SnapshotFetch(name: name, shown: name.description, cache: cache, client: client).download(remote, since: .now)
    }
    return wanted.map { "\(snapshot.path)/\($0)" }
  }
}

extension Hub {
  /// Finds a data set: as the cache has it, or else as the hub does.
  /// - Parameters:
  ///   - commit: the one that another rank found the revision to be.
  package func dataset(_ text: String, commit: String? = nil, effort: Effort) throws -> HubDataset {
    guard var name = HubName(text) else {
      throw HubError.failed(subject: text, problem: "expected a data set's name such as org/name or org/name@revision")
    }
    name.kind = .dataset
    let cache = HubCache(directory: settings.cache, name)
    let mayAsk = effort != .cache && !settings.isOffline
    let known = commit ?? (effort == .refresh && mayAsk ? nil : cache.commit(of: name.revision))
    if let known, let files = cache.files(of: known) {
      return HubDataset(name, commit: known, files: files, hub: self, cache: cache, mayAsk: mayAsk)
    }
    guard mayAsk else {
      // Another program may have fetched it, which does not note what there is.
      let files = known.map { cache.presentFiles(of: $0) } ?? []
      guard let known, !files.isEmpty else {
        throw HubError.datasetOffline(name: name.description, cache: settings.cache, missing: [])
      }
      return HubDataset(name, commit: known, files: files, hub: self, cache: cache, mayAsk: false)
    }
    let client = self.client
    let (found, files) = try client.files(of: known.map(name.at) ?? name)
    client.observe(.resolved(name: name.description, commit: found))
    try cache.note(files: files, of: found)
    if !isCommit(name.revision) { try cache.setCommit(found, of: name.revision) }
    return HubDataset(name, commit: found, files: files, hub: self, cache: cache, mayAsk: true)
  }
}

extension HubCache {
  /// What was noted of a commit's files.
  fileprivate func files(of commit: String) -> [String]? {
    let names = (try? JSON(contentsOf: listing(commit), limits: JSON.Limits(bytes: 32 << 20)))?.array?.map(\.string)
    guard let names, !names.contains(nil) else { return nil }
    return names.compactMap { $0 }.filter(Self.isPlain)
  }

  fileprivate func note(files: [String], of commit: String) throws(CheckpointError) {
    try createDirectories("\(folder)/.files")
    try writeAtomically(JSON.array(files.map(JSON.string)).bytes(), to: listing(commit))
  }

  /// Those of a commit's files that are here.
  fileprivate func presentFiles(of commit: String, in folder: String = "", depth: Int = 0) -> [String] {
    let snapshot = snapshot(commit)
    guard depth < 8, let names = try? entries(of: "\(snapshot.path)/\(folder)") else { return [] }
    return names.flatMap { name in
      let file = folder.isEmpty ? name : "\(folder)/\(name)"
      return snapshot.has(file) ? [file] : presentFiles(of: commit, in: file, depth: depth + 1)
    }
  }
}
