import Glibc
import JSON

/// Why a model, a tensor file or a directory could not be read or written.
package struct CheckpointError: Error, CustomStringConvertible {
  /// The file or directory.
  package let path: String
  /// All that is wrong, each with the remedy where there is one.
  package let problems: [String]

  package init(_ path: String, _ problems: [String]) {
    self.path = path
    self.problems = problems
  }

  package init(_ path: String, _ problem: String) {
    self.init(path, [problem])
  }

  /// A failed system call, explained by `errno`.
  init(_ path: String, failedTo action: String, code: Int32 = errno) {
    self.init(path, "cannot \(action): \(String(cString: strerror(code)))")
  }

  package var description: String {
    let shown = path.escapedForDisplay
    guard problems.count > 1 else { return "\(shown): \(problems.first ?? "unknown problem")" }
    return "\(shown): \(problems.count) problems:\n" + problems.map { "  \($0)" }.joined(separator: "\n")
  }
}
