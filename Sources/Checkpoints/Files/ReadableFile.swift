import Glibc

/// A regular file open for reading at any position.
///
/// Bytes are read when asked for rather than mapped: a file that is truncated meanwhile gives an error, where a mapping
/// would end the process.
final class ReadableFile: Sendable {
  let path: String
  /// The size when it was opened.
  let size: Int
  private let descriptor: Int32

  init(_ path: String) throws(CheckpointError) {
    // Opening a FIFO would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw CheckpointError(path, failedTo: "open") }
    self.path = path
    self.descriptor = descriptor
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      size = 0
      throw CheckpointError(path, failedTo: "examine")
    }
    size = Int(status.st_size)
    guard status.st_mode & S_IFMT == S_IFREG else { throw CheckpointError(path, "expected a regular file") }
  }

  deinit { close(descriptor) }

  /// Fills `destination` with the bytes from `offset` on.
  func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(CheckpointError) {
    var done = 0
    while done < destination.count {
      let got = pread(descriptor, destination.baseAddress! + done, destination.count - done, off_t(offset + done))
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw CheckpointError(path, failedTo: "read") }
      guard got > 0 else {
        throw CheckpointError(
          path, "ended at byte \(offset + done), expected \(size) bytes: it was shortened while being read")
      }
      done += got
    }
  }

  /// Reads `count` bytes from `offset` on.
  func bytes(_ count: Int, at offset: Int) throws(CheckpointError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let result = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(CheckpointError) in try read(into: buffer, at: offset) }
    }
    try result.get()
    return bytes
  }
}
