import Glibc
import Kernels
import Synchronization

/// The entries of one identity below a cache's path, found by key: those that earlier runs left, that other ranks write
/// meanwhile, and that this rank adds in a segment of its own.
///
/// Ranks share without locks or messages: each appends to its own file, and reads the headers that others appended since
/// it last looked whenever a sentence is missing. Nothing here fails: what cannot be read is missing, what cannot be
/// written is not kept, and a notice says so.
final class EntryStore: Sendable {
  /// Where an entry's values are.
  struct Location: Sendable {
    fileprivate let file: CacheFile
    let precision: TeacherCacheSettings.Precision
    let start: Int
    let byteCount: Int
    fileprivate let checksum: UInt64
  }

  private struct Index {
    var entries: [SHA256: Location] = [:]
    /// Other files' segments, with how far their entries are known.
    var segments: [(file: CacheFile, end: Int)] = []
    /// Files that were looked at, segments or not.
    var names: Set<String> = []
    /// Bytes below the path that are of other identities, when the store was opened.
    var otherBytes = 0
    var damagedNames: Set<String> = []
  }

  private struct Writer {
    var file: CacheFile?
    var end = 0
    /// Once something could not be written, or the budget is used up, nothing more is tried.
    var hasStopped = false
  }

  private let identity: CacheIdentity
  private let path: String
  private let folder: String
  private let maxBytes: Int
  private let index: Mutex<Index>
  /// Taken before `index` where both are.
  private let writer = Mutex(Writer())
  private let notices = Mutex<[String]>([])

  init(_ identity: CacheIdentity, settings: TeacherCacheSettings) {
    self.identity = identity
    path = settings.path
    folder = "\(settings.path)/\(identity.folder)"
    maxBytes = settings.maxBytes
    index = Mutex(Index())
    index.withLock { index in
      for other in names(in: path) where other != identity.folder {
        index.otherBytes += Self.bytes(in: "\(path)/\(other)")
      }
      look(&index, isFirst: true)
    }
  }

  // MARK: Reading

  /// Where the entries of some keys are; `nil` for those that are missing.
  func locations(_ keys: [SHA256]) -> [Location?] {
    index.withLock { index in
      var found = keys.map { index.entries[$0] }
      guard found.contains(where: { $0 == nil }) else { return found }
      look(&index, isFirst: false)
      for position in keys.indices where found[position] == nil { found[position] = index.entries[keys[position]] }
      return found
    }
  }

  /// Has the kernel read an entry ahead.
  func willNeed(_ location: Location) {
    location.file.willNeed(location.start..<location.start + location.byteCount)
  }

  /// Reads the values of an entry into memory of their size.
  ///
  /// - Returns: whether they are those that were written. If not, the entry is missing from now on.
  func read(_ key: SHA256, _ location: Location, into bytes: UnsafeMutableRawBufferPointer) -> Bool {
    if location.file.read(into: bytes, at: location.start), checksum(UnsafeRawBufferPointer(bytes)) == location.checksum
    {
      return true
    }
    let isNew = index.withLock { index in
      if let known = index.entries[key], known.file === location.file, known.start == location.start {
        index.entries[key] = nil
      }
      return index.damagedNames.insert(location.file.name).inserted
    }
    if isNew {
      note("\(location.file.name) is damaged; entries that do not match their checksum are computed and stored again")
    }
    return false
  }

  // MARK: Writing

  /// Appends an entry, unless it is there already or there is no room.
  ///
  /// - Parameter entry: room for its header, then its values.
  /// - Returns: the bytes written.
  func add(_ header: Segment.EntryHeader, _ entry: UnsafeMutableRawBufferPointer) -> Int {
    header.store(to: entry.baseAddress!)
    return writer.withLock { writer in
      guard !writer.hasStopped else { return 0 }
      let (isKnown, otherBytes) = index.withLock { index in
        (
          index.entries[header.key] != nil,
          index.otherBytes + index.segments.reduce(0) { $0 + max($1.end, $1.file.size ?? 0) }
        )
      }
      guard !isKnown else { return 0 }
      let opening = writer.file == nil ? Segment.opening(identity.description).count : 0
      guard otherBytes + writer.end + opening + entry.count <= maxBytes else {
        writer.hasStopped = true
        note(
          "full: \(otherBytes + writer.end) of \(maxBytes) bytes are used; further sentences are computed each time; "
            + "raise teacher.cache.maxBytes, or clear the cache of what is no longer used")
        return 0
      }
      let problem = append(UnsafeRawBufferPointer(entry), to: &writer)
      guard problem == 0, let file = writer.file else {
        writer.hasStopped = true
        note(
          "\(folder) cannot be written: \(String(cString: strerror(problem))); sentences that are not stored yet are "
            + "computed each time")
        return 0
      }
      let location = Location(
        file: file, precision: header.precision, start: writer.end - header.byteCount, byteCount: header.byteCount,
        checksum: header.checksum)
      index.withLock { $0.entries[header.key] = location }
      return entry.count
    }
  }

  /// - Returns: 0, or the error's number.
  private func append(_ bytes: UnsafeRawBufferPointer, to writer: inout Writer) -> Int32 {
    if writer.file == nil {
      let problem = start(&writer)
      guard problem == 0 else { return problem }
    }
    guard let file = writer.file else { return EIO }
    let problem = file.write(bytes, at: writer.end)
    if problem == 0 { writer.end += bytes.count }
    return problem
  }

  /// Makes this rank's segment. It gets its name when it has its opening, so that nobody finds half of one.
  private func start(_ writer: inout Writer) -> Int32 {
    let problem = createDirectories(folder)
    guard problem == 0 else { return problem }
    // In the order of time, so that of an entry's copies the newest is known last and counts.
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let random = String(UInt64.random(in: .min ... .max), radix: 16)
    let name = "\(time.tv_sec * 1_000_000_000 + time.tv_nsec)-\(random)\(Segment.suffix)"
    index.withLock { _ = $0.names.insert(name) }
    let temporaryName = ".\(name)"
    guard let file = CacheFile.create(temporaryName, in: folder) else { return errno }
    let opening = Segment.opening(identity.description)
    let failure = opening.withUnsafeBytes { file.write($0, at: 0) }
    if failure == 0, rename("\(folder)/\(temporaryName)", "\(folder)/\(name)") == 0 {
      writer.file = file
      writer.end = opening.count
      return 0
    }
    let problemNumber = failure == 0 ? errno : failure
    unlink("\(folder)/\(temporaryName)")
    return problemNumber
  }

  // MARK: Finding

  /// Takes in new segments, and what was appended to known ones.
  private func look(_ index: inout Index, isFirst: Bool) {
    for name in names(in: folder) where name.hasSuffix(Segment.suffix) && !name.hasPrefix(".") {
      guard index.names.insert(name).inserted else { continue }
      guard let file = CacheFile.open(name, in: folder), let opening = Segment.readOpening(file) else {
        note("\(folder)/\(name) is no file of a teacher cache; it is ignored")
        continue
      }
      guard opening.description == identity.description else {
        note("\(folder)/\(name) belongs to another teacher, or holds other features; it is ignored")
        continue
      }
      index.segments.append((file, opening.end))
    }
    for position in index.segments.indices {
      let file = index.segments[position].file
      var end = index.segments[position].end
      let damage = Segment.scan(file, from: &end) { entry, start in
        guard let count = identity.layout.count(length: entry.length),
          entry.byteCount == count * entry.precision.bytesEach
        else { return }
        index.entries[entry.key] = Location(
          file: file, precision: entry.precision, start: start, byteCount: entry.byteCount, checksum: entry.checksum)
      }
      index.segments[position].end = end
      // Later, an entry that is cut off is one that another rank is about to complete.
      guard isFirst, let damage else { continue }
      let rest = (file.size ?? end) - end
      switch damage {
      case .cutOff: note("\(file.name) ends within an entry; its last \(rest) bytes are ignored")
      case .damaged: note("\(file.name) is damaged at byte \(end); its last \(rest) bytes are ignored")
      }
    }
  }

  /// Bytes of the segments in a folder.
  private static func bytes(in folder: String) -> Int {
    names(in: folder).filter { $0.hasSuffix(Segment.suffix) }.reduce(0) { sum, name in
      var status = stat()
      return sum + (lstat("\(folder)/\(name)", &status) == 0 ? Int(status.st_size) : 0)
    }
  }

  /// Bytes below the path, as far as this rank knows.
  var bytesInUse: Int {
    let own = writer.withLock { $0.end }
    return index.withLock { index in
      own + index.otherBytes + index.segments.reduce(0) { $0 + max($1.end, $1.file.size ?? 0) }
    }
  }

  // MARK: Notices

  /// More would help nobody.
  private static let maxNotices = 20

  private func note(_ text: String) {
    notices.withLock { if $0.count < Self.maxNotices { $0.append("teacher cache \(path): \(text)") } }
  }

  /// What happened since the last call that the user should know.
  func takeNotices() -> [String] {
    notices.withLock { notices in
      defer { notices = [] }
      return notices
    }
  }
}

/// Creates a directory and those above it, as far as they do not exist.
///
/// - Returns: 0, or the error's number.
private func createDirectories(_ path: String) -> Int32 {
  var end = path.startIndex
  while end < path.endIndex {
    end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
    guard mkdir(String(path[..<end]), 0o777) == 0 || errno == EEXIST || errno == EISDIR else { return errno }
  }
  var status = stat()
  return stat(path, &status) != 0 ? errno : status.st_mode & S_IFMT == S_IFDIR ? 0 : ENOTDIR
}
