import Glibc
import JSON

/// A claim on something that one process at a time may change, or that several use while none may: `flock` on a file
/// beside it, which the kernel gives up with the process, however that ends. The file says who has it.
package final class FileLock: Sendable {
  package enum Sharing: Sendable {
    case exclusive
    case shared
  }

  private let descriptor: Int32
  /// What to remove at the end: `nil` for a file that others expect to stay.
  private let removed: String?

  private init(descriptor: Int32, removed: String?) {
    self.descriptor = descriptor
    self.removed = removed
  }

  deinit {
    // The last who shares it removes it. Whoever opened the file meanwhile finds that it has no name any more.
    if let removed, flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(removed) }
    close(descriptor)
  }

  /// - Parameter removesFile: whether the file goes with the lock.
  /// - Returns: `nil` where somebody else has it.
  package static func attempt(
    _ path: String, sharing: Sharing = .exclusive, removesFile: Bool = true
  ) throws(CheckpointError) -> FileLock? {
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o664)
      guard descriptor >= 0 else { throw CheckpointError(path, failedTo: "create the lock") }
      guard flock(descriptor, (sharing == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0 else {
        let code = errno
        if code == EWOULDBLOCK || code == EINTR {
          close(descriptor)
          if code == EINTR { continue }
          return nil
        }
        // A file system without locks.
        return FileLock(descriptor: descriptor, removed: nil)
      }
      var own = stat()
      var current = stat()
      // Its last owner may have removed the file between our opening and locking it.
      guard fstat(descriptor, &own) == 0, stat(path, &current) == 0, own.st_ino == current.st_ino else {
        close(descriptor)
        continue
      }
      let text = Array("\(FileLockHolder.current)\n".utf8)
      if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
      return FileLock(descriptor: descriptor, removed: removesFile ? path : nil)
    }
  }

  /// Whether somebody has a lock now, found without touching it.
  package static func isHeld(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  /// Waits a moment for a process that is about to end, as the ranks of a job do whose launcher was killed.
  ///
  /// - Parameters:
  ///   - what: what is claimed, as the message begins: `run.directory: runs/mix`.
  ///   - remedy: what else to do than to wait.
  /// - Throws: `CheckpointError` that names who has it.
  package static func claim(
    _ path: String, sharing: Sharing = .exclusive, patience: Double = 2, what: String, remedy: String
  ) throws(CheckpointError) -> FileLock {
    for _ in 0...Int(patience / 0.1) {
      if let lock = try attempt(path, sharing: sharing) { return lock }
      usleep(100_000)
    }
    let holder = FileLockHolder.of(path).map { " by \($0)" } ?? ""
    throw CheckpointError(what, "in use\(holder); wait for its end, or \(remedy)")
  }
}

/// Who has a lock: `process 4711 on node3 since 2026-05-01 12:00:00 UTC`.
package enum FileLockHolder {
  fileprivate static var current: String {
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, host.count - 1)
    var now = time(nil)
    var fields = tm()
    gmtime_r(&now, &fields)
    var text = [CChar](repeating: 0, count: 64)
    strftime(&text, text.count, "%Y-%m-%d %H:%M:%S UTC", &fields)
    func string(_ characters: [CChar]) -> String {
      String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
    return "process \(getpid()) on \(string(host)) since \(string(text))"
  }

  /// `nil` where it does not say, as other programs' locks do not.
  package static func of(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 512)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let line = bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }
    guard line.starts(with: "process ".utf8) else { return nil }
    return String(decoding: line, as: UTF8.self).escapedForDisplay
  }
}
