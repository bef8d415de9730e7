import Glibc

/// `directory/name`.
package func join(_ directory: String, _ name: String) -> String {
  directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
}

/// The path without trailing slashes, which would make its last component empty.
func withoutTrailingSlashes(_ path: String) -> String {
  var path = path[...]
  while path.count > 1 && path.last == "/" { path.removeLast() }
  return String(path)
}

func lastComponent(of path: String) -> String {
  let path = withoutTrailingSlashes(path)
  return path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
}

/// The directory that a path lies in.
package func parent(of path: String) -> String {
  let path = withoutTrailingSlashes(path)
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

package enum FileKind {
  case file, directory, symbolicLink, other
}

/// What is at `path`, or `nil` if nothing is or it cannot be seen.
package func fileKind(_ path: String, followingLinks: Bool = true) -> FileKind? {
  var status = stat()
  guard (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
  return switch status.st_mode & S_IFMT {
  case S_IFREG: .file
  case S_IFDIR: .directory
  case S_IFLNK: .symbolicLink
  default: .other
  }
}

/// The names in a directory, sorted, without `.` and `..`.
package func entries(of directory: String) throws(CheckpointError) -> [String] {
  guard let stream = opendir(directory) else { throw CheckpointError(directory, failedTo: "list") }
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

/// Creates a directory and those above it, as far as they do not exist.
package func createDirectories(_ path: String) throws(CheckpointError) {
  guard fileKind(path) != .directory else { return }
  let above = parent(of: path)
  if above != path { try createDirectories(above) }
  // Another process may have created it meanwhile.
  guard mkdir(path, 0o777) == 0 || fileKind(path) == .directory else {
    throw CheckpointError(path, failedTo: "create the directory")
  }
}

/// Deletes a file, a link or a directory with all it holds; links are not followed.
package func removeTree(_ path: String) throws(CheckpointError) {
  if fileKind(path, followingLinks: false) == .directory {
    for name in try entries(of: path) { try removeTree(join(path, name)) }
    guard rmdir(path) == 0 else { throw CheckpointError(path, failedTo: "remove") }
  } else {
    guard unlink(path) == 0 else { throw CheckpointError(path, failedTo: "remove") }
  }
}

/// Makes the names in a directory durable, and with `deeply` all its files too.
func flushDirectory(_ path: String, deeply: Bool = false) throws(CheckpointError) {
  if deeply {
    for name in try entries(of: path) {
      let path = join(path, name)
      switch fileKind(path, followingLinks: false) {
      case .directory: try flushDirectory(path, deeply: true)
      case .file: try flush(path)
      default: break
      }
    }
  }
  try flush(path)
}

private func flush(_ path: String) throws(CheckpointError) {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw CheckpointError(path, failedTo: "open") }
  defer { close(descriptor) }
  // Some file systems cannot flush a directory, and say so with EINVAL.
  guard fsync(descriptor) == 0 || errno == EINVAL else { throw CheckpointError(path, failedTo: "flush") }
}
