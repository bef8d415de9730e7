import Checkpoints
import Glibc
import JSON

/// Where a command's results go: a file, which appears whole or not at all, or standard output.
struct ResultDestination {
  /// `nil` is standard output.
  let path: String?

  /// - Parameter argument: a path; `-` or nothing is standard output.
  init(_ argument: String?) { path = argument == "-" ? nil : argument }

  /// Refuses what could not be written at the end, before hours of work for it, and keeps other processes from writing
  /// it meanwhile.
  /// - Parameter allowsStreams: whether a device or a FIFO will do, where nothing is put in place.
  /// - Returns: what keeps them, while it lives; `nil` where nothing is put in place.
  func claim(allowsStreams: Bool) throws -> FileLock? {
    guard let path else { return nil }
    let shown = path.escapedForDisplay
    if path.lowercased().hasSuffix(".gz") {
      throw CommandError("\(shown): results are not compressed; leave out .gz, or write to - and pipe it into gzip")
    }
    switch kind(path) {
    case S_IFREG: break
    case S_IFDIR: throw CommandError("\(shown): expected a file to write, found a directory; choose another path")
    case nil: break
    default:
      guard !allowsStreams else { return nil }
      throw CommandError("\(shown): expected a regular file or nothing, found a device; choose another path")
    }
    let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    guard kind(directory) == S_IFDIR else {
      throw CommandError("\(shown): its directory does not exist; create it, or choose another path")
    }
    guard access(directory, W_OK) == 0 else {
      throw CommandError("\(shown): its directory cannot be written to: \(reason()); choose another path")
    }
    let file = Self.resolvingLinks(path)
    let parts = file.split(separator: "/", omittingEmptySubsequences: false)
    let lock = (parts.dropLast() + [".\(parts[parts.count - 1]).lock"]).joined(separator: "/")
    return try FileLock.claim(lock, what: shown, remedy: "choose another path")
  }

  /// Whether results go where they can only be written one after the other.
  private var isStream: Bool {
    guard let path else { return true }
    return kind(path).map { $0 != S_IFREG && $0 != S_IFDIR } ?? false
  }

  var isTerminal: Bool { path == nil && isatty(1) == 1 }

  /// Has `body` write the file. For a stream that is a temporary one, which is then copied.
  ///
  /// - Parameters:
  ///   - name: of a temporary file, whose folder is TMPDIR.
  ///   - body: told where to write, and whether that is for a stream.
  func withFile(named name: String, _ body: (_ path: String, _ isStream: Bool) throws -> Void) throws {
    if let path, !isStream { return try body(Self.resolvingLinks(path), false) }
    var template = Array("\(environmentVariables()["TMPDIR"] ?? "/tmp")/distill-ddp-XXXXXX".utf8CString)
    let shown = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self).escapedForDisplay
    guard mkdtemp(&template) != nil else {
      throw CommandError("\(shown): cannot be made: \(reason()); set TMPDIR to a directory with room for the file")
    }
    let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer { try? removeTree(folder) }
    let file = "\(folder)/\(name)"
    try body(file, true)
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandError("\(file.escapedForDisplay): cannot be opened: \(reason())") }
    defer { close(descriptor) }
    let stream = try ResultStream(self)
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let received = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if received < 0, errno == EINTR { continue }
      guard received >= 0 else { throw CommandError("\(file.escapedForDisplay): cannot be read: \(reason())") }
      guard received > 0 else { return try stream.finish() }
      try stream.write(Array(buffer[..<received]))
    }
  }

  /// Writes everything there will be.
  func write(_ bytes: [UInt8]) throws {
    let stream = try ResultStream(self)
    try stream.write(bytes)
    try stream.finish()
  }

  /// The file a link stands for, which is replaced rather than the link.
  static func resolvingLinks(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// The file type bits of what is at a path, links followed.
  fileprivate func kind(_ path: String) -> mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
  }
}

/// Results that are written as they are found. A file is put in place when all are there.
final class ResultStream {
  private enum Sink {
    case file(PendingFile)
    case descriptor(Int32, name: String)
  }

  private let sink: Sink
  private var written = 0

  init(_ destination: ResultDestination) throws {
    guard let path = destination.path else {
      sink = .descriptor(1, name: "standard output")
      return
    }
    guard let kind = destination.kind(path), kind != S_IFREG else {
      sink = .file(try PendingFile(replacing: ResultDestination.resolvingLinks(path), leavesNothing: true))
      return
    }
    // Renaming a file over a device would destroy it.
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandError("\(path.escapedForDisplay): cannot be opened: \(reason())") }
    sink = .descriptor(descriptor, name: path)
  }

  deinit {
    if case .descriptor(let descriptor, _) = sink, descriptor != 1 { close(descriptor) }
  }

  func write(_ bytes: [UInt8]) throws {
    switch sink {
    case .file(let file): try file.write(bytes, at: written)
    case .descriptor(let descriptor, let name): try writeAll(bytes, to: descriptor, name: name)
    }
    written += bytes.count
  }

  func finish() throws {
    if case .file(let file) = sink { try file.commit() }
  }
}

/// Writes results to standard output; unlike progress, they are not lost quietly.
func writeResult(_ bytes: [UInt8]) throws(CommandError) {
  try writeAll(bytes, to: 1, name: "standard output")
}

private func writeAll(_ bytes: [UInt8], to descriptor: Int32, name: String) throws(CommandError) {
  var done = 0
  while done < bytes.count {
    let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done) }
    if written < 0 && errno == EINTR { continue }
    guard written > 0 else { throw CommandError("\(name.escapedForDisplay): cannot be written: \(reason())") }
    done += written
  }
}

private func reason() -> String { String(cString: strerror(errno)) }
