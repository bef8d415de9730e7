/// Why compressed data cannot be read, without the name of the file.
package struct GzipError: Error, Equatable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }

  static let incomplete = GzipError("the compressed data ends too early; copy or download the file again")

  static func damaged(_ what: String) -> GzipError {
    GzipError("the compressed data is damaged (\(what)); copy or download the file again")
  }

  static func tooLong(_ limit: Int) -> GzipError {
    GzipError("expected at most \(limit) bytes when decompressed, found more; decompress or split the file first")
  }
}
