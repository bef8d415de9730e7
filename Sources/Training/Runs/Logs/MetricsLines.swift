import Glibc
import JSON

/// The lines of a `metrics.jsonl`, in order, read a piece at a time: a long run's log need not fit in memory.
package struct MetricsLines {
  private let path: String

  /// - Parameter path: of the file.
  package init(_ path: String) { self.path = path }

  /// Far longer than any line of ours.
  private static let longestLine = 16 << 20

  /// Calls `body` with each whole line. A last one without its line feed is left out: whoever writes it has not finished
  /// or was stopped.
  ///
  /// - Throws: where the file cannot be read or a line is no JSON object, and what `body` throws.
  package func read(_ body: (JSON) throws -> Void) throws {
    // Without O_NONBLOCK, opening a FIFO would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure("cannot be read: \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw failure("expected a regular file")
    }
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    var pending: [UInt8] = []
    var number = 0
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("cannot be read: \(String(cString: strerror(errno)))") }
      guard count > 0 else { return }
      var rest = chunk[..<count]
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        number += 1
        pending += rest[..<end]
        try body(try parse(pending, number: number))
        pending.removeAll(keepingCapacity: true)
        rest = rest[(end + 1)...]
      }
      pending += rest
      guard pending.count <= Self.longestLine else {
        throw failure("line \(number + 1): expected at most \(Self.longestLine) bytes, found more")
      }
    }
  }

  private func parse(_ line: [UInt8], number: Int) throws -> JSON {
    let json: JSON
    do throws(JSONError) {
      json = try JSON.parse(line, limits: JSON.Limits(depth: 16, bytes: Self.longestLine, values: 1_000_000))
    } catch {
      throw failure("line \(number): expected an event: \(error.reason)")
    }
    guard json.object != nil else { throw failure("line \(number): expected an object, found \(json.summary)") }
    return json
  }

  private func failure(_ problem: String) -> ModelError { ModelError("\(path.escapedForDisplay): \(problem)") }
}
