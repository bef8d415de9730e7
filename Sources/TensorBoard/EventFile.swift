import Glibc

/// Why an event file could not be written.
package struct EventFileError: Error, CustomStringConvertible {
  package let description: String
}

/// An event file that is being written. Each record is written whole in one call; a reader takes what it finds.
package final class EventFile {
  package let path: String
  private let descriptor: Int32

  /// Begins a new file in a directory, under a name that TensorBoard looks for.
  ///
  /// - Parameter time: seconds since 1970, of the first event: files are read in the order of their names.
  package init(in directory: String, time: Double) throws(EventFileError) {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let host = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let seconds = String(Int64(exactly: max(0, time).rounded(.down)) ?? 0)
    let padded = String(repeating: "0", count: max(0, 10 - seconds.count)) + seconds
    path = "\(directory)/events.out.tfevents.\(padded).\(host.isEmpty ? "localhost" : host).\(getpid()).0"
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw EventFileError(description: "\(path): cannot be created: \(String(cString: strerror(errno)))")
    }
    try append(.fileVersion(time: time))
    try append(.sessionStart(time: time))
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  package func append(_ record: EventRecord) throws(EventFileError) {
    let bytes = record.framed
    let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard written == bytes.count else {
      let reason = written < 0 ? String(cString: strerror(errno)) : "the disk took \(written) of \(bytes.count) bytes"
      throw EventFileError(description: "\(path): could not be written: \(reason)")
    }
  }
}
