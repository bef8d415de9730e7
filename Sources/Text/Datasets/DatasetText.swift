import Archives
import JSON
import Limits

/// The contents of a text file, or whole lines of them, known to be UTF-8.
struct DatasetText {
  let path: String
  let bytes: ArraySlice<UInt8>
  /// Which line of the file the first of these is, from 1.
  let firstLine: Int

  /// The longest row, in bytes.
  static let maximumRow = 1 << 20

  /// The most bytes that a compressed file may hold, to stop one that was made to fill the memory: text is compressed
  /// tenfold at best, and deflate can expand a thousandfold.
  private static func maximumDecompressed(_ compressed: Int) -> Int {
    // What grows is copied, so that twice as much is there for a moment.
    min(2 << 30, (16 << 20) + 100 * compressed, (MemoryLimit.tightest()?.left ?? .max) / 3)
  }

  /// Reads a regular file, decompressing one in gzip's format whatever its name.
  init(path: String) throws(DatasetError) {
    do {
      try self.init(decompressing: try RegularFile.contents(path), path: path)
    } catch let error as RegularFile.Failure {
      throw DatasetError(path, error.reason)
    } catch let error as DatasetError {
      throw error
    } catch {
      throw DatasetError(path, "\(error)")
    }
  }

  /// A file's contents, which may be compressed.
  init(decompressing bytes: [UInt8], path: String) throws(DatasetError) {
    guard Gzip.isGzip(bytes) else {
      if path.hasSuffix(".gz") && !bytes.isEmpty {
        throw DatasetError(path, "expected gzip data, found something else; drop .gz from its name if it is plain text")
      }
      try self.init(bytes, path: path)
      return
    }
    let contents: [UInt8]
    do throws(GzipError) {
      contents = try Gzip.decompress(bytes, limit: Self.maximumDecompressed(bytes.count))
    } catch {
      throw DatasetError(path, "\(error)")
    }
    try self.init(contents, path: path)
  }

  /// A byte order mark at the start is dropped.
  init(_ contents: [UInt8], path: String) throws(DatasetError) {
    if let pointer = GitPointer.problem(contents, fileSize: contents.count) {
      throw DatasetError(path, "expected text, found \(pointer)")
    }
    if let encoding = TextEncoding(of: contents) {
      throw DatasetError(path, "expected UTF-8, found \(encoding.rawValue); \(encoding.remedy)")
    }
    let bytes = contents.starts(with: [0xEF, 0xBB, 0xBF]) ? contents.dropFirst(3) : contents[...]
    try self.init(bytes, path: path, firstLine: 1, firstByte: 0)
  }

  /// Some lines of a file.
  /// - Parameters:
  ///   - firstLine: which line of the file is the first, from 1.
  ///   - firstByte: how many bytes of the file lie before `bytes`' array.
  init(_ bytes: ArraySlice<UInt8>, path: String, firstLine: Int, firstByte: Int) throws(DatasetError) {
    self.path = path
    self.firstLine = firstLine
    self.bytes = bytes
    guard let invalid = UTF8Text.firstInvalid(bytes) else { return }
    let before = bytes[..<invalid]
    let line = before.count { $0 == UInt8(ascii: "\n") } + firstLine
    let offset = invalid - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)
    throw DatasetError(
      path, line: line,
      "expected UTF-8, found byte 0x\(String(bytes[invalid], radix: 16, uppercase: true)) at offset \(offset) of the"
        + " line, \(firstByte + invalid) of the file; \(TextEncoding.windows1252.remedy)")
  }

  /// Refuses a file whose lines end in carriage returns alone, which would be one line.
  /// - Parameter few: How many within a line may be part of a text.
  func checkLineEnds(allowing few: Int) throws(DatasetError) {
    guard !bytes.contains(UInt8(ascii: "\n")) else { return }
    let returns = bytes.dropLast().count { $0 == UInt8(ascii: "\r") }
    guard returns > few else { return }
    throw DatasetError(
      path,
      "expected lines that end in \\n, found \(returns) carriage \(returns == 1 ? "return" : "returns") (\\r) alone; convert it: "
        + "tr '\\r' '\\n' < FILE > NEW")
  }

  /// Calls `body` with the number and contents of each line. Lines end at `\n` and nothing else; the last may lack it.
  func forEachLine(
    of bytes: ArraySlice<UInt8>, _ body: (_ line: Int, ArraySlice<UInt8>) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    var rest = bytes
    var line = firstLine
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
      try checkRow(end - rest.startIndex, line)
      try body(line, rest[..<end])
      rest = rest[min(end + 1, rest.endIndex)...]
      line += 1
    }
  }

  func checkRow(_ count: Int, _ line: Int) throws(DatasetError) {
    guard count <= Self.maximumRow else {
      throw DatasetError(path, line: line, "expected a row of at most \(Self.maximumRow) bytes, found \(count)")
    }
  }
}

extension ArraySlice<UInt8> {
  /// Without the carriage return of a line that ends in `\r\n`.
  var withoutCarriageReturn: ArraySlice<UInt8> {
    last == UInt8(ascii: "\r") ? dropLast() : self
  }

  /// Whether there is nothing but blanks and tabs.
  var isBlank: Bool { allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") } }

  var text: String { String(decoding: self, as: UTF8.self) }
}

/// Encodings that spreadsheets and old programs write, told by their bytes.
private enum TextEncoding: String {
  case utf16 = "UTF-16"
  case utf32 = "UTF-32"
  case windows1252 = "Windows-1252"

  /// - Returns: `nil` of what may be UTF-8.
  init?(of bytes: [UInt8]) {
    if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) {
      self = .utf32
      return
    }
    let start = bytes.prefix(1_000)
    // Without a mark, every other byte of Latin letters is zero.
    guard
      bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
        || start.count > 3 && 3 * start.count(where: { $0 == 0 }) > start.count
    else { return nil }
    self = .utf16
  }

  var remedy: String {
    let command = "iconv -f \(rawValue.uppercased()) -t UTF-8 FILE > NEW"
    return self == .windows1252 ? "if it is \(rawValue), convert it: \(command)" : "convert it: \(command)"
  }
}
