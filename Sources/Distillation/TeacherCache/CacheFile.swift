import Glibc

/// A regular file of a cache.
///
/// Bytes are read when asked for rather than mapped: another process may shorten or damage the file at any time, which
/// gives a short read here and would end the process there. A page that is in memory costs one copy, a small part of
/// what its checksum costs.
final class CacheFile: Sendable {
  let name: String
  private let descriptor: Int32

  private init(name: String, descriptor: Int32) {
    self.name = name
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// - Returns: `nil` where it cannot be opened or is no regular file; a FIFO would wait for a writer.
  static func open(_ name: String, in folder: String) -> CacheFile? {
    let descriptor = Glibc.open("\(folder)/\(name)", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    guard descriptor >= 0 else { return nil }
    let file = CacheFile(name: name, descriptor: descriptor)
    return file.size == nil ? nil : file
  }

  /// A new file, to be written.
  static func create(_ name: String, in folder: String) -> CacheFile? {
    let descriptor = Glibc.open("\(folder)/\(name)", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o666)
    return descriptor < 0 ? nil : CacheFile(name: name, descriptor: descriptor)
  }

  /// As it is now; `nil` where it is no regular file.
  var size: Int? {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  /// Fills `destination` with the bytes from `offset` on.
  ///
  /// - Returns: whether there were as many.
  func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) -> Bool {
    var done = 0
    while done < destination.count {
      let got = pread(descriptor, destination.baseAddress! + done, destination.count - done, off_t(offset + done))
      if got < 0 && errno == EINTR { continue }
      guard got > 0 else { return false }
      done += got
    }
    return true
  }

  /// The bytes from `offset` on; `nil` where there are not as many.
  func bytes(_ count: Int, at offset: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    return bytes.withUnsafeMutableBytes({ read(into: $0, at: offset) }) ? bytes : nil
  }

  /// Writes all bytes or, as on a full disk, leaves the file as it was.
  ///
  /// - Returns: 0, or the error's number.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int32 {
    var done = 0
    while done < bytes.count {
      let written = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else {
        let problem = written < 0 ? errno : EIO
        // What was written of it has no right checksum, should this fail too.
        _ = ftruncate(descriptor, off_t(offset))
        return problem
      }
      done += written
    }
    return 0
  }

  /// Asks the kernel to have these bytes in memory soon.
  func willNeed(_ range: Range<Int>) {
    _ = posix_fadvise(descriptor, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED)
  }
}

/// The names in a directory, sorted; none where it cannot be read.
func names(in directory: String) -> [String] {
  guard let stream = opendir(directory) else { return [] }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
    }
    if name != "." && name != ".." { names.append(name) }
  }
  return names.sorted()
}
