/// The records of a CSV file (RFC 4180): fields in quotes may hold separators, line ends and, doubled, quotes.
///
/// Lines end in `\n` or `\r\n`. Where the standard leaves no meaning, such as text after a closing quote, the row is an
/// error.
struct CSVRecords {
  private let file: DatasetText
  private(set) var separator: UInt8
  private var rest: ArraySlice<UInt8>
  private var nextLine: Int
  /// Where the last record starts, from 1.
  private(set) var line = 0

  /// - Parameter separator: between fields; a first line `sep=;`, as spreadsheets write it, names another.
  init(_ file: DatasetText, separator: UInt8) {
    self.file = file
    self.separator = separator
    rest = file.bytes
    nextLine = file.firstLine
    guard nextLine == 1 else { return }
    let first = rest.prefix { $0 != Self.lineFeed }
    let line = first.withoutCarriageReturn
    guard line.count == 5, line.starts(with: Array("sep=".utf8)), let byte = line.last else { return }
    self.separator = byte
    rest = rest[min(first.endIndex + 1, rest.endIndex)...]
    nextLine = 2
  }

  /// Bounds the memory of a line of separators.
  private static let maxFields = 1 << 16
  private static let quote = UInt8(ascii: "\"")
  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")

  /// The fields of the next record, or nil at the end.
  mutating func next() throws(DatasetError) -> [ArraySlice<UInt8>]? {
    guard !rest.isEmpty else { return nil }
    line = nextLine
    let start = rest.startIndex
    var fields: [ArraySlice<UInt8>] = []
    repeat {
      guard fields.count < Self.maxFields else {
        throw DatasetError(
          file.path, line: line,
          "expected at most \(Self.maxFields) fields, found more; is the separator the right one?")
      }
      fields.append(rest.first == Self.quote ? try quotedField() : try plainField())
    } while skip(separator)
    try file.checkRow(rest.startIndex - start, line)
    if rest.first == Self.carriageReturn { rest.removeFirst() }
    guard rest.isEmpty || skip(Self.lineFeed) else {
      throw DatasetError(
        file.path, line: nextLine,
        "expected a separator or the end of the line after a quoted field; double the quotes within it")
    }
    nextLine += 1
    return fields
  }

  private mutating func plainField() throws(DatasetError) -> ArraySlice<UInt8> {
    let end = rest.firstIndex { $0 == separator || $0 == Self.lineFeed } ?? rest.endIndex
    var field = rest[..<end]
    if field.last == Self.carriageReturn, end == rest.endIndex || rest[end] == Self.lineFeed { field.removeLast() }
    guard !field.contains(Self.quote) else {
      throw DatasetError(file.path, line: nextLine, "a field with a quote in it must be quoted, and the quote doubled")
    }
    rest = rest[field.endIndex...]
    return field
  }

  private mutating func quotedField() throws(DatasetError) -> ArraySlice<UInt8> {
    rest.removeFirst()
    var field: [UInt8] = []
    while let end = rest.firstIndex(of: Self.quote) {
      field.append(contentsOf: rest[..<end])
      nextLine += rest[..<end].count { $0 == Self.lineFeed }
      rest = rest[(end + 1)...]
      guard skip(Self.quote) else { return field[...] }
      field.append(Self.quote)
    }
    throw DatasetError(file.path, line: line, "a quoted field is never closed; double the quotes within fields")
  }

  private mutating func skip(_ byte: UInt8) -> Bool {
    guard rest.first == byte else { return false }
    rest.removeFirst()
    return true
  }
}
