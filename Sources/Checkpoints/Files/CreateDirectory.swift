import Glibc

/// Creates a directory and those above it; one that is there already is fine.
package func createDirectory(_ path: String) throws(CheckpointError) {
  let path = withoutTrailingSlashes(path)
  if fileKind(path) == .directory { return }
  let above = parent(of: path)
  if above != path && fileKind(above) != .directory { try createDirectory(above) }
  // Another process may have been faster.
  guard mkdir(path, 0o777) == 0 || fileKind(path) == .directory else {
    throw CheckpointError(path, failedTo: "create the directory")
  }
}
