import Collectives
import Glibc
import JSON

/// Where rows come from: files, which every rank reads for itself, or a pipe, which can be read once and by one.
struct RowInput {
  private let path: String
  /// What the pipe held; `nil` of a file.
  private let bytes: [UInt8]?

  /// More is better kept in a file.
  private static let mostBytes = 1 << 30

  /// Collective: reads `path` where it is `-` or a pipe. Of several ranks the first has the standard input, and tells the
  /// others.
  init(_ path: String, ranks: any Communicator) throws {
    self.path = path
    var message: [UInt8] = []
    if ranks.rank == 0 { message = try Self.isStream(path) ? [1] + Self.read(path) : [0] }
    try ranks.broadcast(&message, from: 0)
    bytes = message.first == 1 ? Array(message.dropFirst()) : nil
  }

  /// What was read of `path`; `nil` of a file.
  func contents(of path: String) -> [UInt8]? { path == self.path ? bytes : nil }

  /// Whether there is nothing at `path`.
  func isEmpty(_ path: String) -> Bool {
    if let bytes = contents(of: path) { return bytes.isEmpty }
    var status = stat()
    // What is not there its reader tells, or it is a pattern.
    guard stat(path, &status) == 0 else { return false }
    return status.st_mode & S_IFMT == S_IFREG && status.st_size == 0
  }

  private static func isStream(_ path: String) -> Bool {
    guard path != "-" else { return true }
    var status = stat()
    return stat(path, &status) == 0 && [S_IFIFO, S_IFCHR, S_IFSOCK].contains(status.st_mode & S_IFMT)
  }

  private static func read(_ path: String) throws(CommandError) -> [UInt8] {
    let shown = path == "-" ? "standard input" : path.escapedForDisplay
    func failure() -> CommandError { CommandError("\(shown): cannot be read: \(String(cString: strerror(errno)))") }
    // Without O_NONBLOCK, opening a FIFO would wait for a writer.
    let descriptor = path == "-" ? dup(0) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure() }
    defer { close(descriptor) }
    if path != "-" { _ = fcntl(descriptor, F_SETFL, O_RDONLY) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let received = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if received < 0, errno == EINTR { continue }
      guard received >= 0 else { throw failure() }
      guard received > 0 else { return bytes }
      bytes += buffer[..<received]
      guard bytes.count <= mostBytes else {
        throw CommandError(
          "\(shown): expected at most \(mostBytes) bytes, found more; save them to a file and give that")
      }
    }
  }
}
