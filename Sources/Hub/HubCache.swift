import Checkpoints
import Glibc

/// One model's or data set's folder in the cache that Hugging Face's programs share: `refs/REVISION` holds a commit,
/// `snapshots/COMMIT/FILE` links to `blobs/ETAG`, and `.no_exist/COMMIT/FILE` says that a commit has no such file.
struct HubCache {
  /// `models--org--name`, in the cache's directory.
  let folder: String
  private let locks: String

  init(directory: String, _ name: HubName) {
    let name = ([name.kind.folder] + name.repository.split(separator: "/").map(String.init)).joined(separator: "--")
    folder = "\(directory)/\(name)"
    locks = "\(directory)/.locks/\(name)"
  }

  /// Whether a file's name, with its folders, stays in the snapshot's folder.
  static func isPlain(_ file: String) -> Bool {
    file.utf8.count <= 1_000 && !file.utf8.contains(0)
      && file.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !["", ".", ".."].contains($0) }
  }

  /// Where it is noted which files a commit has: by this program alone.
  func listing(_ commit: String) -> String { "\(folder)/.files/\(commit).json" }

  func snapshot(_ commit: String) -> Snapshot { Snapshot(cache: self, commit: commit) }
  func blob(_ etag: String) -> String { "\(folder)/blobs/\(etag)" }
  func absence(of file: String, in commit: String) -> String { "\(folder)/.no_exist/\(commit)/\(file)" }

  /// The commit that a revision was when it was looked up last.
  func commit(of revision: String) -> String? {
    if isCommit(revision) { return revision }
    let descriptor = open("\(folder)/refs/\(revision)", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = max(0, read(descriptor, &bytes, bytes.count))
    let text = String(decoding: bytes[..<count], as: UTF8.self).filter { !$0.isWhitespace }
    return isCommit(text) ? text : nil
  }

  func setCommit(_ commit: String, of revision: String) throws(CheckpointError) {
    guard self.commit(of: revision) != commit else { return }
    let path = "\(folder)/refs/\(revision)"
    try createDirectories(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
    try writeAtomically(Array(commit.utf8), to: path)
  }

  func lockPath(_ etag: String) throws(CheckpointError) -> String {
    try createDirectories(locks)
    return "\(locks)/\(etag).lock"
  }

  func createFolders(commit: String) throws(CheckpointError) {
    try createDirectories("\(folder)/blobs")
    try createDirectories("\(folder)/snapshots/\(commit)")
  }

  /// Links a commit's file to its contents, relative to the link, so that the cache can be moved.
  func link(_ file: String, of commit: String, to etag: String) throws(CheckpointError) {
    let folders = file.split(separator: "/").dropLast()
    if !folders.isEmpty { try createDirectories("\(folder)/snapshots/\(commit)/\(folders.joined(separator: "/"))") }
    let above = String(repeating: "../", count: 2 + folders.count)
    try replaceSymbolicLink("\(folder)/snapshots/\(commit)/\(file)", target: "\(above)blobs/\(etag)")
  }

  /// Notes that a commit has no such file. Only a help: it need not succeed.
  func noteAbsence(of file: String, in commit: String) {
    guard (try? createDirectories("\(folder)/.no_exist/\(commit)")) != nil else { return }
    let descriptor = open(absence(of: file, in: commit), O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    if descriptor >= 0 { close(descriptor) }
  }
}

/// What of a commit's files is in the cache.
struct Snapshot {
  let cache: HubCache
  let commit: String

  var path: String { "\(cache.folder)/snapshots/\(commit)" }

  /// What a model is made of besides its weights.
  static let configuration = "config.json"
  static let tokenizerFiles = ModelDirectory.tokenizerFileNames

  func has(_ file: String) -> Bool {
    var status = stat()
    // A link whose blob was deleted, or never arrived, leads nowhere.
    return stat("\(path)/\(file)", &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  func isKnownAbsent(_ file: String) -> Bool { access(cache.absence(of: file, in: commit), F_OK) == 0 }

  /// Whether the weights are there, whole, in any format.
  var hasWeights: Bool {
    WeightsFormat.allCases.contains { format in
      if has(format.fileName) { return true }
      return has(format.indexName) && missingShards(of: format).isEmpty
    }
  }

  private func missingShards(of format: WeightsFormat) -> [String] {
    let shards = try? ModelWeights.shards(ofIndex: "\(path)/\(format.indexName)").keys.sorted()
    return shards?.filter { !has($0) } ?? [format.indexName]
  }

  /// What a model cannot do without.
  var missing: [String] {
    var missing: [String] = []
    if !has(Self.configuration) { missing.append(Self.configuration) }
    if !hasWeights {
      let format = WeightsFormat.allCases.first { has($0.indexName) }
      missing += format.map(missingShards) ?? [WeightsFormat.safetensors.fileName]
    }
    let definitions = ["tokenizer.json", "vocab.txt", "vocab.json"]
    if !definitions.contains(where: has), !definitions.allSatisfy(isKnownAbsent) { missing.append(definitions[0]) }
    return missing + missingOfModules
  }

  /// The modules of sentence-transformers that go with the encoder.
  var modules: [ModuleFiles.Folder] {
    ModuleFiles.folders(ofList: "\(path)/\(ModuleFiles.list)").filter { HubCache.isPlain($0.configuration) }
  }

  private var missingOfModules: [String] {
    modules.flatMap { module in
      let weights = module.weights.contains(where: has) ? [] : module.weights.prefix(1)
      return (has(module.configuration) ? [] : [module.configuration]) + weights
    }
  }

  /// Whether there is nothing to ask the hub: a vocabulary alone could lack the settings that go with it, and an encoder
  /// that another program downloaded its modules.
  var isSettled: Bool {
    missing.isEmpty && (has("tokenizer.json") || Self.tokenizerFiles.allSatisfy { has($0) || isKnownAbsent($0) })
      && (has(ModuleFiles.list) || isKnownAbsent(ModuleFiles.list))
  }
}
