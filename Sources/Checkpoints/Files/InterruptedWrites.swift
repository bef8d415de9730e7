import Glibc

/// What marks the name of something not yet complete.
let temporaryMark = ".tmp-"
/// What marks the name of a directory that is being replaced.
let replacedMark = ".old-"

/// An unused hidden path beside `path`, so that renaming stays within one file system.
func hiddenSibling(of path: String, mark: String) -> String {
  let token = String(UInt64.random(in: .min ... .max), radix: 36)
  return join(parent(of: path), ".\(lastComponent(of: path))\(mark)\(getpid())-\(token)")
}

/// Clears up what writes into `directory` left behind when their process was killed: incomplete files and directories
/// are deleted, and a directory whose replacement did not arrive is put back.
///
/// Only for whoever owns the directory: it would also take away what another process is writing just then.
package func recoverInterruptedWrites(in directory: String) throws(CheckpointError) {
  for name in try entries(of: directory) where name.hasPrefix(".") {
    let path = join(directory, name)
    if name.contains(temporaryMark) {
      try removeTree(path)
    } else if let mark = name.ranges(of: replacedMark).last {
      let replaced = join(directory, String(name[..<mark.lowerBound].dropFirst()))
      if fileKind(replaced, followingLinks: false) != nil {
        try removeTree(path)
      } else if rename(path, replaced) != 0 {
        throw CheckpointError(replaced, failedTo: "put the replaced directory back")
      }
    }
  }
}
