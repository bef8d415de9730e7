/// Why a text is not JSON, or why its file could not be read.
package struct JSONError: Error, Equatable, CustomStringConvertible {
  /// The file, if the text came from one.
  package var path: String?
  /// Where in the text, if the text is at fault.
  package var location: Location?
  package var reason: String

  /// Both count from 1; the column counts Unicode scalars.
  package struct Location: Sendable, Equatable {
    package var line: Int
    package var column: Int
  }

  package var description: String {
    var out = path.map { "\($0.escapedForDisplay): " } ?? ""
    if let location { out += "line \(location.line), column \(location.column): " }
    return out + reason
  }
}

extension JSONError.Location {
  /// The line and column of a byte.
  init(of position: Int, in bytes: UnsafeRawBufferPointer) {
    line = 1
    column = 1
    for byte in bytes[..<Swift.min(position, bytes.count)] {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xc0 != 0x80 {
        column += 1
      }
    }
  }
}
