import Glibc

/// Refuses to begin writing what will not fit, while the file system still has room for everything else.
///
/// - Parameters:
///   - bytes: what will be written, without the file system's own needs.
///   - path: where; it need not exist yet.
package func requireDiskSpace(_ bytes: Int, at path: String) throws(CheckpointError) {
  // Where the file system does not say, writing will.
  guard let free = freeDiskSpace(at: path)?.bytes else { return }
  // Directories, headers and unfilled blocks.
  let (needed, overflow) = max(0, bytes).addingReportingOverflow(1 << 18)
  guard overflow || free < needed else { return }
  throw CheckpointError(
    path, "needs \(needed) bytes, and its file system has \(free) left; free some, or choose another directory")
}

/// What a file system has left for a path that need not exist yet, and whether something can be made there; `nil` where
/// the file system does not say.
package func freeDiskSpace(at path: String) -> (bytes: Int, isWritable: Bool)? {
  var nearest = withoutTrailingSlashes(path)
  while fileKind(nearest) == nil, nearest != "/", nearest != "." { nearest = parent(of: nearest) }
  var status = statvfs()
  guard statvfs(nearest, &status) == 0 else { return nil }
  let (free, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
  return (overflow ? Int.max : Int(clamping: free), access(nearest, W_OK | X_OK) == 0)
}
