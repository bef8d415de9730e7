import Glibc

/// The lines of standard input, as they come.
struct RequestLines {
  private var pending: [UInt8] = []
  /// Up to where `pending` is known to hold no end of a line.
  private var searched = 0
  private var chunk = [UInt8](repeating: 0, count: 1 << 16)

  /// More than any request, so that a stream without lines cannot exhaust memory.
  private static let mostBytes = 64 << 20

  /// The next line, without its end; `nil` behind the last.
  mutating func next() throws(CommandError) -> [UInt8]? {
    while true {
      if let end = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = Array(pending[..<end])
        pending.removeSubrange(...end)
        searched = 0
        return line
      }
      searched = pending.count
      guard searched <= Self.mostBytes else {
        throw CommandError("standard input: expected lines of at most \(Self.mostBytes) bytes; split the request")
      }
      let count = chunk.withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw CommandError("standard input: cannot be read: \(String(cString: strerror(errno)))")
      }
      guard count > 0 else { return nil }
      pending += chunk[..<count]
    }
  }
}
