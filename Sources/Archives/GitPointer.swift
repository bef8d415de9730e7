/// What Git leaves in the place of a large file where Git LFS is not installed: three lines of text that name it.
/// Reference: github.com/git-lfs/git-lfs, `docs/spec.md`.
package enum GitPointer {
  /// No pointer is longer.
  private static let maximumSize = 1_024

  /// - Returns: what a message says was found and what helps, or `nil` of any other file.
  package static func problem(_ start: some Collection<UInt8>, fileSize: Int) -> String? {
    guard fileSize < maximumSize, start.starts(with: "version https://git-lfs".utf8) else { return nil }
    return "a pointer of Git LFS; fetch the file itself with git lfs pull"
  }
}
