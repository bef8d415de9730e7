import Glibc
import Limits

/// The parts of a token table, each of them numbers end to end.
enum TokenColumnKind: String, CaseIterable {
  /// Token ids, in 16 bits where the vocabulary allows it, else in 32. (tokens)
  case tokens
  /// Segment ids; not there where all are 0. (tokens)
  case types
  /// Where each row ends. (rows)
  case ends
  /// Classes, or 0 where targets are `values`, or −1 where a row has none; not there where no row has one. (rows)
  case labels
  /// Numbers to predict. (rows, width)
  case values
  /// Which rows are ranked together; where anybody asks. (rows)
  case groups
  /// Which word of its row each token begins, −1 for all other tokens; of rows of words alone. (tokens)
  case words
  /// The tag of the word that a token begins, −1 for all other tokens; of rows of words alone. (tokens)
  case tags
  /// The first character that each token covers, and the one behind the last; where they were asked for. (tokens, 2)
  case offsets
  /// A hash of each row's tokens, by which equal rows are found. (rows)
  case keys
  /// A hash of all that the other columns have of each row, by which damage is found. (rows)
  case checks
  /// The SHA-256 of each row's text; where it was asked for. (rows, 32 bytes)
  case hashes
  /// The ids that occur, in order.
  case occurring

  /// Whether it is read of all rows, one after the other, where it has a few bytes of each.
  var isOfRows: Bool {
    switch self {
    case .ends, .labels, .values, .groups, .keys, .checks, .occurring: true
    case .tokens, .types, .words, .tags, .offsets, .hashes: false
    }
  }

  /// The byte that a column consists of which nobody needs to write.
  var usualByte: UInt8? {
    switch self {
    case .types: 0
    case .labels: 0xFF
    default: nil
    }
  }
}

/// Numbers that never change, in memory of this process or in a file that is mapped.
///
/// `@unchecked Sendable`: nobody writes what it holds.
final class TokenColumn: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  private let isMapped: Bool

  /// - Parameter bytes: what `malloc` gave, to be freed with this.
  fileprivate init(owning bytes: UnsafeMutableRawBufferPointer) {
    self.bytes = UnsafeRawBufferPointer(bytes)
    isMapped = false
  }

  /// Of no rows.
  init() { (bytes, isMapped) = (UnsafeRawBufferPointer(start: nil, count: 0), false) }

  /// Maps a file, which its owner does not change any more.
  /// - Parameter isOfRows: of `TokenColumnKind`.
  /// - Returns: `nil` where there is none of so many bytes.
  init?(mapping path: String, byteCount: Int, isOfRows: Bool) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard
      fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size == byteCount
    else { return nil }
    guard byteCount > 0 else {
      (bytes, isMapped) = (UnsafeRawBufferPointer(start: nil, count: 0), false)
      return
    }
    guard let base = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0), base != MAP_FAILED else { return nil }
    // Texts are read in any order: what lies around one is not worth having.
    if !isOfRows { madvise(base, byteCount, MADV_RANDOM) }
    (bytes, isMapped) = (UnsafeRawBufferPointer(start: base, count: byteCount), true)
  }

  deinit {
    guard let base = bytes.baseAddress else { return }
    if isMapped {
      munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
    } else {
      free(UnsafeMutableRawPointer(mutating: base))
    }
  }

  /// Gives memory back that pages of the file take. They are read again when they are asked for.
  func forget() {
    guard isMapped, let base = bytes.baseAddress else { return }
    madvise(UnsafeMutableRawPointer(mutating: base), bytes.count, MADV_DONTNEED)
  }

  /// The numbers, valid as long as this is.
  func numbers<Number: BitwiseCopyable>(_ type: Number.Type) -> UnsafeBufferPointer<Number> {
    bytes.bindMemory(to: type)
  }
}

/// A column that grows at its end, in memory or in a file.
final class TokenColumnWriter {
  private(set) var byteCount = 0
  private let usual: UInt8?
  /// Bytes that are all the usual one, and not written as long as no other comes.
  private var isUsual: Bool
  /// In memory all that there is, of a file what has not been written yet.
  private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var used = 0
  /// `nil` in memory.
  private let file: (path: String, descriptor: Int32)?

  private static let fileBuffer = 1 << 20

  /// - Parameter directory: where its file is made; `nil` keeps it in memory.
  init(_ kind: TokenColumnKind, in directory: String?) throws(DatasetError) {
    usual = kind.usualByte
    isUsual = usual != nil
    guard let directory else {
      file = nil
      return
    }
    let path = "\(directory)/\(kind.rawValue)"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      file = nil
      throw DatasetError(path, "cannot be created: \(String(cString: strerror(errno)))\(Self.remedy)")
    }
    file = (path, descriptor)
  }

  deinit {
    free(buffer.baseAddress)
    if let file { close(file.descriptor) }
  }

  func append<Number: BitwiseCopyable>(_ numbers: [Number]) throws {
    try numbers.withUnsafeBytes { bytes in try append(bytes) }
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws {
    guard !bytes.isEmpty else { return }
    if isUsual, let usual {
      guard !bytes.allSatisfy({ $0 == usual }) else {
        byteCount += bytes.count
        return
      }
      isUsual = false
      let chunk = [UInt8](repeating: usual, count: Self.fileBuffer)
      var left = byteCount
      while left > 0 {
        let count = min(left, chunk.count)
        try chunk.withUnsafeBytes { try put(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        left -= count
      }
    }
    try put(bytes)
    byteCount += bytes.count
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws {
    if file != nil, used + bytes.count > Self.fileBuffer { try flush() }
    if used + bytes.count > buffer.count { try grow(to: used + bytes.count) }
    if let base = buffer.baseAddress, let source = bytes.baseAddress { memcpy(base + used, source, bytes.count) }
    used += bytes.count
  }

  private func grow(to count: Int) throws {
    let capacity = max(count, file == nil ? buffer.count + buffer.count / 2 : Self.fileBuffer, 4096)
    try OutOfMemory.check(capacity - buffer.count, for: "rows of tokens")
    guard let base = realloc(buffer.baseAddress, capacity) else {
      throw OutOfMemory("rows of tokens", bytes: capacity)
    }
    buffer = UnsafeMutableRawBufferPointer(start: base, count: capacity)
  }

  private func flush() throws(DatasetError) {
    guard let file, let base = buffer.baseAddress else { return }
    var done = 0
    while done < used {
      let count = write(file.descriptor, base + done, used - done)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw DatasetError(file.path, "cannot be written: \(String(cString: strerror(errno)))\(Self.remedy)")
      }
      done += count
    }
    used = 0
  }

  /// What to do about `errno`.
  private static var remedy: String {
    [ENOSPC, EDQUOT, EFBIG].contains(errno) ? "; free some, or keep the data as tokens elsewhere" : ""
  }

  /// Ends the column: a file is complete then, and what is in memory is given away.
  ///
  /// - Returns: what is in memory; `nil` of a file, and of a column that nobody needs.
  func finish() throws(DatasetError) -> TokenColumn? {
    guard let file else {
      if isUsual, byteCount > 0 { return nil }
      defer { (buffer, used) = (UnsafeMutableRawBufferPointer(start: nil, count: 0), 0) }
      // What growing took too much goes back.
      let base = used > 0 ? realloc(buffer.baseAddress, used) : nil
      if used == 0 { free(buffer.baseAddress) }
      return TokenColumn(owning: UnsafeMutableRawBufferPointer(start: base ?? nil, count: used))
    }
    try flush()
    if isUsual, byteCount > 0 { unlink(file.path) }
    return nil
  }
}
