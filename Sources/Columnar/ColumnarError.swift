import JSON

/// Why a file of columns cannot be read; its reader knows the path.
package struct ColumnarError: Error, Equatable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }

  static func damaged(_ what: String) -> ColumnarError { ColumnarError("damaged: \(what)") }

  /// The same, of a column.
  func of(column: String) -> ColumnarError { ColumnarError("\(column.escapedForDisplay): \(description)") }
}
