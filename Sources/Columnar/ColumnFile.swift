import Archives
import JSON

/// A file of columns: Apache Parquet, or Apache Arrow's file or stream.
package struct ColumnFile {
  package enum Format: Sendable {
    case parquet, arrow
  }

  /// The columns' names, in the file's order.
  package let columns: [String]
  /// What the writer noted of the whole file, by key.
  package let metadata: [String: String]
  private enum Contents {
    case parquet(ParquetFile)
    case arrow(ArrowFile)
  }
  private var contents: Contents

  package init(_ file: FileBytes, _ format: Format) throws(ColumnarError) {
    if let pointer = GitPointer.problem(try file.bytes(min(file.count, 64), at: 0), fileSize: file.count) {
      throw ColumnarError("expected \(format == .parquet ? "Parquet" : "Arrow"), found \(pointer)")
    }
    switch format {
    case .parquet:
      let parquet = try ParquetFile(file)
      (columns, metadata, contents) = (parquet.columns.map(\.name), parquet.metadata, .parquet(parquet))
    case .arrow:
      let arrow = try ArrowFile(file)
      (columns, metadata, contents) = (arrow.fields.map(\.name), arrow.metadata, .arrow(arrow))
    }
  }

  /// The next rows, as many as the file has together: of each named column a value a row, which is null, a string, a
  /// number, a Boolean or a list of these.
  ///
  /// - Returns: `nil` at the end.
  package mutating func next(_ names: [String]) throws(ColumnarError) -> [[JSON]]? {
    switch contents {
    case .parquet(var file):
      defer { contents = .parquet(file) }
      return try file.next(names)
    case .arrow(var file):
      defer { contents = .arrow(file) }
      return try file.next(names)
    }
  }

  /// What may stand in a column, for messages.
  static let kinds = "strings, whole numbers, floats, Booleans or lists of them"
}

extension ArraySlice<UInt8> {
  /// A string, which is to be UTF-8.
  func string() throws(ColumnarError) -> JSON {
    guard let text = String(validating: self, as: UTF8.self) else {
      throw ColumnarError("expected UTF-8, found other bytes")
    }
    return .string(text)
  }
}

extension JSON {
  /// A whole number as JSON has it, or else the nearest float.
  init(_ number: some FixedWidthInteger) { self = Int(exactly: number).map(JSON.integer) ?? .number(Double(number)) }
}
