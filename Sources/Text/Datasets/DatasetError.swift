import JSON

/// Why a dataset cannot be read: `train.csv:17: label: expected …`.
package struct DatasetError: Error, Equatable, CustomStringConvertible {
  package var path: String
  /// From 1; nil if the whole file is at fault.
  package var line: Int?
  package var reason: String
  /// Whether it is a label that is missing or none of the classes, which does not matter where labels are not needed.
  package var isOfLabel: Bool

  init(_ path: String, line: Int? = nil, _ reason: String, isOfLabel: Bool = false) {
    self.isOfLabel = isOfLabel

    self.path = path
    self.line = line
    self.reason = reason
  }

  package var description: String {
    "\(path.escapedForDisplay):\(line.map { "\($0):" } ?? "") \(reason)"
  }
}
