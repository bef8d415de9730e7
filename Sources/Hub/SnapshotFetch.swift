import Checkpoints
import Glibc
import JSON

/// Completes a commit's files in the cache: which there are, which are missing, and then each of these.
struct SnapshotFetch {
  let name: HubName
  /// As the user wrote it.
  let shown: String
  let cache: HubCache
  let client: HubClient

  /// Read into memory, unlike weights.
  private static let largestIndex = 64 << 20
  private static let mostShards = 1000

  func run() throws -> Snapshot {
    let start = ContinuousClock.now
    guard let configuration = try client.metadata(of: Snapshot.configuration, in: name) else {
      throw HubError.failed(
        subject: shown, problem: "expected config.json on the hub, found none: this is no model of transformers")
    }
    // Whatever happens to the branch from here, all files are of one commit.
    let pinned = name.at(configuration.commit)
    let snapshot = cache.snapshot(configuration.commit)
    client.observe(.resolved(name: shown, commit: snapshot.commit))
    var files = snapshot.has(configuration.name) ? [] : [configuration]
    for file in Snapshot.tokenizerFiles {
      if let remote = try missing(file, in: pinned, snapshot) { files.append(remote) }
    }
    try cache.createFolders(commit: snapshot.commit)
    files += try modules(in: pinned, snapshot)
    if !snapshot.hasWeights { files += try weights(in: pinned, snapshot) }
    try download(files, since: start)
    return snapshot
  }

  /// A file that the commit has and the cache lacks.
  private func missing(_ file: String, in name: HubName, _ snapshot: Snapshot) throws -> RemoteFile? {
    if snapshot.has(file) || snapshot.isKnownAbsent(file) { return nil }
    if let remote = try client.metadata(of: file, in: name) { return remote }
    cache.noteAbsence(of: file, in: snapshot.commit)
    return nil
  }

  /// The missing files of sentence-transformers' modules, where the model has such.
  private func modules(in name: HubName, _ snapshot: Snapshot) throws -> [RemoteFile] {
    if let list = try missing(ModuleFiles.list, in: name, snapshot) {
      guard list.size <= Self.largestIndex else {
        throw HubError.failed(
          subject: "\(shown): \(list.name)", problem: "expected at most \(Self.largestIndex) bytes, found \(list.size)")
      }
      try download([list], since: .now)
    }
    guard snapshot.has(ModuleFiles.list) else { return [] }
    var files = try ModuleFiles.settings.compactMap { try missing($0, in: name, snapshot) }
    for module in snapshot.modules {
      if let file = try missing(module.configuration, in: name, snapshot) { files.append(file) }
      guard !module.weights.contains(where: snapshot.has) else { continue }
      for weights in module.weights {
        guard let file = try missing(weights, in: name, snapshot) else { continue }
        files.append(file)
        break
      }
    }
    return files
  }

  /// The missing files of the weights in the preferred format that the commit has.
  private func weights(in name: HubName, _ snapshot: Snapshot) throws -> [RemoteFile] {
    for format in WeightsFormat.allCases {
      if let file = try missing(format.fileName, in: name, snapshot) { return [file] }
      if let index = try missing(format.indexName, in: name, snapshot) {
        guard index.size <= Self.largestIndex else {
          throw HubError.failed(
            subject: "\(shown): \(index.name)",
            problem: "expected at most \(Self.largestIndex) bytes, found \(index.size)")
        }
        try download([index], since: .now)
      }
      guard snapshot.has(format.indexName) else { continue }
      let shards = try ModelWeights.shards(ofIndex: "\(snapshot.path)/\(format.indexName)").keys.sorted()
      guard shards.count <= Self.mostShards else {
        throw HubError.failed(
          subject: "\(shown): \(format.indexName)",
          problem: "expected at most \(Self.mostShards) files, found \(shards.count)")
      }
      return try shards.filter { !snapshot.has($0) }.map { shard in
        guard let file = try client.metadata(of: shard, in: name) else {
          throw HubError.failed(
            subject: shown, problem: "expected \(shard), which \(format.indexName) lists, on the hub, found none")
        }
        return file
      }
    }
    let names = WeightsFormat.allCases.map(\.fileName).joined(separator: " or ")
    throw HubError.failed(
      subject: shown, problem: "expected \(names), whole or in parts, on the hub, found neither")
  }

  func download(_ files: [RemoteFile], since start: ContinuousClock.Instant) throws {
    guard !files.isEmpty else { return }
    var total = 0
    for file in files {
      let (sum, overflow) = total.addingReportingOverflow(file.size)
      guard !overflow else { throw HubError.failed(subject: shown, problem: "its files are larger than any disk") }
      total = sum
    }
    let present = files.reduce(0) { $0 + min($1.size, bytesPresent(of: $1)) }
    try requireDiskSpace(total - present, at: "\(cache.folder)/blobs")
    client.observe(.started(name: shown, files: files.count, bytes: total))
    var before = 0
    var receivedBefore = 0
    for file in files {
      var received = 0
      let progress = ProgressReport(
        file: file.name, before: before, receivedBefore: receivedBefore, total: total, observe: client.observe)
      try FileDownload(file: file, name: name, cache: cache, client: client) { done, ofThese in
        progress.tell(done, ofThese)
        received = ofThese
      }.run()
      before += file.size
      receivedBefore += received
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    client.observe(.finished(name: shown, bytes: receivedBefore, seconds: seconds))
  }

  /// What an earlier attempt left of a file.
  private func bytesPresent(of file: RemoteFile) -> Int {
    var status = stat()
    for path in [cache.blob(file.etag), cache.blob(file.etag) + ".incomplete"] where stat(path, &status) == 0 {
      return Int(status.st_size)
    }
    return 0
  }
}

/// One file's progress as part of all.
private struct ProgressReport {
  let file: String
  let before: Int
  let receivedBefore: Int
  let total: Int
  let observe: (HubEvent) -> Void

  func tell(_ done: Int, _ received: Int) {
    observe(
      .progress(
        FetchProgress(file: file, done: before + done, total: total, received: receivedBefore + received)))
  }
}
