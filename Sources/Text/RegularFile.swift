import Glibc
import Limits

/// Reading of whole files that a user named.
enum RegularFile {
  struct Failure: Error {
    let reason: String
    /// Whether there is no such file.
    var isMissing = false
  }

  /// Opens a file for reading; whoever asks for it closes the descriptor.
  static func open(_ path: String) throws(Failure) -> (descriptor: Int32, size: Int) {
    // Without O_NONBLOCK, opening a FIFO would wait for a writer.
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw Failure(reason: "cannot be opened: \(String(cString: strerror(errno)))", isMissing: errno == ENOENT)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let reason = "cannot be examined: \(String(cString: strerror(errno)))"
      close(descriptor)
      throw Failure(reason: reason)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw Failure(reason: "expected a regular file, found \(kind(status.st_mode))")
    }
    return (descriptor, Int(status.st_size))
  }

  /// - Parameter limit: More bytes are refused, and so is more than there is memory for, which a file with holes seems
  ///   to have without taking any disk.
  static func contents(_ path: String, limit: Int = .max) throws(Failure) -> [UInt8] {
    let (descriptor, size) = try open(path)
    defer { close(descriptor) }
    guard size <= limit else {
      throw Failure(reason: "expected at most \(limit) bytes, found \(size)")
    }
    do throws(OutOfMemory) {
      try OutOfMemory.check(size, for: "reading it")
    } catch {
      throw Failure(reason: "\(error)")
    }
    return try bytes(size, from: descriptor)
  }

  /// The next bytes of a file; fewer at its end.
  static func bytes(_ most: Int, from descriptor: Int32) throws(Failure) -> [UInt8] {
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: most) { buffer, count in
      while count < buffer.count {
        let got = read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
        if got < 0, errno == EINTR { continue }
        if got < 0 { failure = errno }
        if got <= 0 { break }
        count += got
      }
    }
    guard failure == 0 else { throw Failure(reason: "cannot be read: \(String(cString: strerror(failure)))") }
    return bytes
  }

  private static func kind(_ mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: "a directory"
    case S_IFIFO: "a FIFO"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }
}
