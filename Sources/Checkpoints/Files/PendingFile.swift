import Glibc

/// A file being written beside its target, which it replaces as a whole on `commit`, or leaves alone.
///
/// Truncating the target in place would corrupt it for whoever has it open or mapped, and on a crash for everybody.
package final class PendingFile {
  let path: String
  private let temporaryPath: String
  private let descriptor: Int32
  /// Whether there is a name yet.
  private var isNamed = true
  private var committed = false

  /// - Parameter leavesNothing: whether the file has no name until it is complete, where the file system has such files:
  ///   whoever kills the process has nothing to clear up. Directories that are recovered do without.
  package init(replacing path: String, leavesNothing: Bool = false) throws(CheckpointError) {
    self.path = path
    temporaryPath = hiddenSibling(of: path, mark: temporaryMark)
    if leavesNothing {
      // O_TMPFILE, which C's header composes.
      let unnamed = open(parent(of: path), 0o20_000_000 | O_DIRECTORY | O_WRONLY | O_CLOEXEC, 0o666)
      if unnamed >= 0 {
        (descriptor, isNamed) = (unnamed, false)
        return
      }
    }
    descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      committed = true
      throw CheckpointError(path, failedTo: "create")
    }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if !committed, isNamed { unlink(temporaryPath) }
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(CheckpointError) {
    var done = 0
    while done < bytes.count {
      let written = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else {
        throw CheckpointError(path, failedTo: "write \(bytes.count - done) bytes at byte \(offset + done)")
      }
      done += written
    }
  }

  package func write(_ bytes: [UInt8], at offset: Int) throws(CheckpointError) {
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(CheckpointError) in try write(buffer, at: offset) }
    }
    try result.get()
  }

  /// Makes the bytes durable and renames the file to its target.
  package func commit() throws(CheckpointError) {
    guard fsync(descriptor) == 0 else { throw CheckpointError(path, failedTo: "flush") }
    if !isNamed {
      guard linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", AT_FDCWD, temporaryPath, AT_SYMLINK_FOLLOW) == 0 else {
        throw CheckpointError(path, failedTo: "name")
      }
      isNamed = true
    }
    guard rename(temporaryPath, path) == 0 else { throw CheckpointError(path, failedTo: "rename into place") }
    committed = true
    try flushDirectory(parent(of: path))
  }
}

/// Replaces a small file, or creates it: after a crash it holds either the old bytes or the new.
package func writeAtomically(_ bytes: [UInt8], to path: String) throws(CheckpointError) {
  let file = try PendingFile(replacing: path)
  try file.write(bytes, at: 0)
  try file.commit()
}

/// Points the symbolic link `path` at `target`, a path relative to the link's directory, in one step.
package func replaceSymbolicLink(_ path: String, target: String) throws(CheckpointError) {
  var status = stat()
  if lstat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFLNK {
    throw CheckpointError(path, "expected a symbolic link or nothing; move what is there away")
  }
  let temporaryPath = hiddenSibling(of: path, mark: temporaryMark)
  guard symlink(target, temporaryPath) == 0 else { throw CheckpointError(path, failedTo: "create the link") }
  guard rename(temporaryPath, path) == 0 else {
    let error = CheckpointError(path, failedTo: "rename into place")
    unlink(temporaryPath)
    throw error
  }
  try flushDirectory(parent(of: path))
}
