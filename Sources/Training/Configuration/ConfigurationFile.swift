import Glibc
import Synchronization

/// The bytes of a configuration file.
enum ConfigurationFile {
  /// What pipes and standard input held, which can be read once.
  private static let streams = Mutex<[String: String]>([:])

  /// Reads a small UTF-8 file; a byte order mark at its start is dropped. `-` is standard input.
  static func read(_ path: String) throws(ConfigurationError) -> String {
    if let text = streams.withLock({ $0[path] }) { return text }
    func failure(_ message: String) -> ConfigurationError {
      return ConfigurationError(problems: [.init(location: visible(path), path: "", message: message)])
    }
    guard !path.utf8.contains(0) else { throw failure("not a file's name") }
    // Without O_NONBLOCK, opening a FIFO would wait for a writer.
    let descriptor = path == "-" ? dup(0) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure("cannot be read: \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
      throw failure("expected a file; give a configuration such as configs/finetune.yaml")
    }
    let isPipe = status.st_mode & S_IFMT != S_IFREG
    if isPipe, path != "-" { _ = fcntl(descriptor, F_SETFL, O_RDONLY) }
    var bytes = [UInt8](repeating: 0, count: ConfigurationNode.maxBytes + 1)
    var count = 0
    while count < bytes.count {
      let received = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
      }
      if received < 0, errno == EINTR { continue }
      guard received >= 0 else { throw failure("cannot be read: \(String(cString: strerror(errno)))") }
      guard received > 0 else { break }
      count += received
    }
    guard count <= ConfigurationNode.maxBytes else {
      throw failure("expected at most \(ConfigurationNode.maxBytes) bytes, found more; is this a configuration?")
    }
    guard count > 0 || !isPipe else { throw failure("expected a configuration, found an empty pipe") }
    let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    guard let text = String(validating: bytes[start..<count], as: UTF8.self) else {
      let isUTF16 = bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
      throw failure(
        "expected UTF-8, found other bytes; convert it, for example with iconv -f "
          + "\(isUTF16 ? "UTF-16" : "WINDOWS-1252") -t UTF-8")
    }
    if isPipe || path == "-" { streams.withLock { $0[path] = text } }
    return text
  }
}
