import Checkpoints
import Glibc
import JSON
import Kernels
import Text

/// A directory that keeps sources as tokens, each in a directory of its own that is made once and then mapped by all
/// processes of the host: `KEY.tokens`, whose key is a hash of the sources' bytes, of the tokenizer and of how it is used.
///
/// Whoever comes first makes it, under a lock, while the others wait. It is renamed into place when it is complete, so that
/// a process that is killed meanwhile leaves nothing but a hidden directory, which the next one removes.
struct TokenCache: Sendable {
  let path: String
  /// Whether the configuration names it: then it keeps sources of any size.
  private let isNamed: Bool

  /// Smaller sources are made tokens of faster than anybody notices, unless the configuration names a directory.
  static let leastBytes = 64 << 20

  init(_ configuration: RunConfiguration) {
    isNamed = configuration.data.cache != nil
    path = configuration.data.cache ?? join(parent(of: configuration.run.directory), ".tokens")
  }

  /// The table of a source, made by `make` in the directory that it is given, unless it is there already.
  ///
  /// - Parameter recipe: all that the table depends on besides the source's bytes.
  /// - Returns: `nil` where the source is not kept.
  func table(
    _ source: DatasetSource, withLabels: Bool, _ recipe: [String], make: (_ directory: String) throws -> TokenTable
  ) throws -> TokenTable? {
    guard let files = source.filesToHash(withLabels: withLabels) else { return nil }
    // What cannot be examined cannot be read either, which is told where it is.
    let marks = files.compactMap(FileMark.init)
    guard marks.count == files.count else { return nil }
    let bytes = marks.reduce(0) { $0 + $1.size }
    guard isNamed || bytes >= Self.leastBytes else { return nil }
    do {
      try createDirectories(path)
      guard access(path, W_OK | X_OK) == 0 else {
        throw ModelError("\(path): cannot be written: \(String(cString: strerror(errno)))")
      }
    } catch {
      if isNamed { throw ModelError("data.cache: \(error); name a directory that can be written") }
      return nil
    }
    let claim = try? FileLock.attempt(join(path, TokenCacheDirectory.lockName), sharing: .shared)
    let recipe = recipe + [source.shape]
    let mark = Self.digest(recipe + marks.map(\.text))
    let note = join(path, ".\(mark)\(Self.noteSuffix)")
    if let key = Self.key(inNote: note), let table = open(key, claim) { return table }
    return try alone(mark) {
      if let key = Self.key(inNote: note), let table = open(key, claim) { return table }
      let key = Self.digest(recipe + (try files.map { "\(try RunIdentity.digest(ofFile: $0))" }))
      let table = try alone(key) { try open(key, claim) ?? self.make(key, source, bytes: bytes, claim, make) }
      guard files.compactMap(FileMark.init) == marks else {
        throw ModelError("\(source.name): the data changed while it was read; start again when it is complete")
      }
      // A file that was written a moment ago may be written again without looking any different.
      if marks.allSatisfy(\.isSettled) { try writeAtomically((["key": .string(key)] as JSON).bytes(), to: note) }
      return table
    }
  }

  private func make(
    _ key: String, _ source: DatasetSource, bytes: Int, _ claim: FileLock?, _ make: (String) throws -> TokenTable
  ) throws -> TokenTable {
    let directory = join(path, key + TokenCacheDirectory.suffix)
    try removeRemains(of: key)
    let replaced =
      fileKind(directory) == nil
      ? nil : "\(directory): files were missing or damaged; the tokens of \(source.name) were made again"
    try requireDiskSpace(bytes, at: path)
    try replaceDirectory(directory) { temporary in
      let table = try make(temporary)
      let json = KeptTokens.description(table, source: source)
      try writeAtomically(json.bytes(.pretty), to: join(temporary, TokenCacheDirectory.tableName))
    }
    guard let table = open(key, claim, replaced: replaced) else {
      throw ModelError("\(directory): expected the tokens just written, found other files; start again")
    }
    return table
  }

  private func open(_ key: String, _ claim: FileLock?, replaced: String? = nil) -> TokenTable? {
    KeptTokens(join(path, key + TokenCacheDirectory.suffix))?.table(claim, replaced: replaced)
  }

  /// Removes what killed processes have left of the same table. Only whoever has its lock makes it.
  private func removeRemains(of key: String) throws {
    for name in try entries(of: path) where name.hasPrefix(".\(key)\(TokenCacheDirectory.suffix).") {
      try removeTree(join(path, name))
    }
  }

  /// Waits for whoever does the same.
  private func alone<Result>(_ name: String, _ body: () throws -> Result) throws -> Result {
    let path = join(path, ".\(name).lock")
    while true {
      if let lock = try FileLock.attempt(path) { return try withExtendedLifetime(lock, body) }
      usleep(20_000)
    }
  }

  // MARK: Keys

  static let noteSuffix = ".source"

  private static func key(inNote path: String) -> String? {
    guard let key = try? JSON(contentsOf: path)["key"]?.string, SHA256(hexadecimal: key) != nil else { return nil }
    return key
  }

  private static func digest(_ parts: [String]) -> String {
    "\(SHA256(of: Array(JSON.array(parts.map(JSON.string)).text().utf8)))"
  }
}

/// By what a file is known to be the one that was read before, without reading it.
private struct FileMark: Equatable {
  let path: String
  let size: Int
  private let modified: [Int]
  private let changed: [Int]

  init?(_ path: String) {
    var status = stat()
    guard let whole = realpath(path, nil) else { return nil }
    defer { free(whole) }
    guard stat(whole, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    self.path = String(cString: whole)
    size = Int(status.st_size)
    modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
  }

  var text: String { "\(path) \(size) \(modified) \(changed)" }

  /// Whether another change would show in its times.
  var isSettled: Bool { time(nil) - max(modified[0], changed[0]) > 2 }
}

extension DatasetSource {
  /// The files that rows are read from, `nil` where they are not known by their names.
  fileprivate func filesToHash(withLabels: Bool) -> [String]? {
    guard contents == nil, let files = try? files() else { return nil }
    switch format {
    case .layout, .hub: return nil
    case .lines, .csv, .tsv, .jsonl, .conll, .columns: break
    }
    return files.flatMap { file in
      guard case .lines(let labels?) = file.format, withLabels else { return [file.path] }
      // What the numbers of its labels mean.
      let mapping = join(parent(of: labels), "mapping.txt")
      return [file.path, labels] + (access(mapping, F_OK) == 0 ? [mapping] : [])
    }
  }

  /// How rows are read, wherever they are.
  fileprivate var shape: String {
    var source = self
    source.path = ""
    (source.morePaths, source.moreLabelsPaths) = ([], [])
    if case .lines(let labels) = format { source.format = .lines(labelsPath: labels.map { _ in "" }) }
    return "\(source)"
  }
}
