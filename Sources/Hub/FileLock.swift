import Checkpoints
import Glibc

/// A lock on a file's name that huggingface_hub's processes honour too: `flock` on a file that stays or is deleted by
/// who had it.
final class FileLock {
  private let descriptor: Int32

  private init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// - Returns: `nil` where somebody else has it.
  static func attempt(_ path: String) throws(CheckpointError) -> FileLock? {
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o664)
      guard descriptor >= 0 else {
        throw CheckpointError(path, "cannot be created: \(String(cString: strerror(errno)))")
      }
      let lock = FileLock(descriptor: descriptor)
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        if errno == EINTR { continue }
        if errno == EWOULDBLOCK { return nil }
        // A file system without locks: what is written is the same whoever writes it.
        return lock
      }
      var own = stat()
      var current = stat()
      // Its last owner may have deleted the file between our opening and locking it.
      if fstat(descriptor, &own) == 0, stat(path, &current) == 0, own.st_ino == current.st_ino { return lock }
    }
  }
}
