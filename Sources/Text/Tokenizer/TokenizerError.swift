import JSON

/// Why a tokenizer cannot be read or written, or cannot encode as asked.
package struct TokenizerError: Error, Equatable, CustomStringConvertible {
  /// The file or directory at fault, if one is.
  package var path: String?
  package var reason: String

  init(_ path: String?, _ reason: String) {
    self.path = path
    self.reason = reason
  }

  package var description: String {
    path.map { "\($0.escapedForDisplay): \(reason)" } ?? reason
  }
}
