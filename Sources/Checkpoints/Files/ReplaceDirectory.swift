import Glibc

/// Fills a new directory and puts it at `path`, replacing what was there: no reader ever finds it half-written.
///
/// - Parameter fill: Writes the contents into the directory it is given, which lies beside `path`. If it throws, `path`
///   is left as it was.
package func replaceDirectory(_ path: String, fill: (_ temporaryPath: String) throws -> Void) throws {
  let path = try resolvingLink(withoutTrailingSlashes(path))
  switch fileKind(path) {
  case nil, .directory: break
  default: throw CheckpointError(path, "expected a directory or nothing; choose another path")
  }
  try createDirectories(parent(of: path))
  let temporaryPath = hiddenSibling(of: path, mark: temporaryMark)
  guard mkdir(temporaryPath, 0o777) == 0 else { throw CheckpointError(path, failedTo: "create a directory beside it") }
  do {
    try fill(temporaryPath)
    try flushDirectory(temporaryPath, deeply: true)
    try moveIntoPlace(temporaryPath, path)
  } catch {
    // The first error is the one to report.
    try? removeTree(temporaryPath)
    throw error
  }
}

/// The path a link stands for, so that replacing `best` replaces the checkpoint and leaves the link.
private func resolvingLink(_ path: String) throws(CheckpointError) -> String {
  guard fileKind(path, followingLinks: false) == .symbolicLink else { return path }
  guard let resolved = realpath(path, nil) else { throw CheckpointError(path, failedTo: "follow the link") }
  defer { free(resolved) }
  return String(cString: resolved)
}

private func moveIntoPlace(_ temporaryPath: String, _ path: String) throws(CheckpointError) {
  // Directories cannot be replaced in one step. Between the two renames there is none at `path`, never half of one, and
  // `recoverInterruptedWrites` puts the old one back.
  var replacedPath: String?
  if fileKind(path) != nil {
    let aside = hiddenSibling(of: path, mark: replacedMark)
    guard rename(path, aside) == 0 else { throw CheckpointError(path, failedTo: "rename away") }
    replacedPath = aside
  }
  guard rename(temporaryPath, path) == 0 else {
    let error = CheckpointError(path, failedTo: "rename into place")
    if let replacedPath { rename(replacedPath, path) }
    throw error
  }
  try flushDirectory(parent(of: path))
  if let replacedPath { try removeTree(replacedPath) }
}
