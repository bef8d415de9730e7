import Glibc
import Limits

/// A file of which parts are read as they are needed, or bytes that were read already.
package final class FileBytes {
  package let count: Int
  private let descriptor: Int32
  private let memory: [UInt8]

  package init(_ bytes: [UInt8]) {
    (memory, count, descriptor) = (bytes, bytes.count, -1)
  }

  package init(path: String) throws(ColumnarError) {
    // Without O_NONBLOCK, opening a FIFO would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw ColumnarError("cannot be opened: \(String(cString: strerror(errno)))") }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw ColumnarError("expected a regular file, found something else")
    }
    (self.descriptor, memory, count) = (descriptor, [], Int(status.st_size))
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The bytes from an offset on. There must be as many.
  func bytes(_ size: Int, at offset: Int) throws(ColumnarError) -> [UInt8] {
    guard size >= 0, offset >= 0, offset <= count, size <= count - offset else {
      throw .damaged("expected \(size) bytes at \(offset), and the file has \(count); is it complete?")
    }
    if descriptor < 0 { return Array(memory[offset..<offset + size]) }
    try requireMemory(size, for: "a part of the file")
    var problem: String?
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, done in
      while done < size {
        let read = pread(descriptor, buffer.baseAddress! + done, size - done, off_t(offset + done))
        if read < 0, errno == EINTR { continue }
        guard read > 0 else {
          problem = read < 0 ? "cannot be read: \(String(cString: strerror(errno)))" : "was shortened while it was read"
          return
        }
        done += read
      }
    }
    if let problem { throw ColumnarError(problem) }
    return bytes
  }
}

func requireMemory(_ bytes: Int, for what: String) throws(ColumnarError) {
  do throws(OutOfMemory) {
    try OutOfMemory.check(bytes, for: what)
  } catch {
    throw ColumnarError("\(error)")
  }
}
