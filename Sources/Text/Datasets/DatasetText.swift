import Archives
import JSON
import Limits

/// The contents of a text file, known to be UTF-8.
struct DatasetText {
  let path: String
  let bytes: ArraySlice<UInt8>

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
      let bytes = try RegularFile.contents(path)
      if Gzip.isGzip(bytes) {
        try self.init(try Gzip.decompress(bytes, limit: Self.maximumDecompressed(bytes.count)), path: path)
      } else if path.hasSuffix(".gz") && !bytes.isEmpty {
        throw DatasetError(path, "expected gzip data, found something else; drop .gz from its name if it is plain text")
      } else {
        try self.init(bytes, path: path)
      }
    } catch let error as RegularFile.Failure {
      throw DatasetError(path, error.reason)
    } catch let error as DatasetError {
      throw error
    } catch {
      throw DatasetError(path, "\(error)")
    }
  }

  init(_ bytes: [UInt8], path: String) throws(DatasetError) {
    self.path = path
    self.bytes = bytes[...]
    guard let invalid = UTF8Text.firstInvalid(bytes[...]) else { return }
    let before = bytes[..<invalid]
    let line = before.count { $0 == UInt8(ascii: "\n") } + 1
    let offset = invalid - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)
    throw DatasetError(
      path, line: line,
      "expected UTF-8, found byte 0x\(String(bytes[invalid], radix: 16, uppercase: true)) at offset \(offset) of the"
        + " line, \(invalid) of the file")
  }

  /// What follows a byte order mark, if there is one.
  var withoutByteOrderMark: ArraySlice<UInt8> {
    bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes
  }

  /// Calls `body` with the number and contents of each line. Lines end at `\n` and nothing else; the last may lack it.
  func forEachLine(
    of bytes: ArraySlice<UInt8>, _ body: (_ line: Int, ArraySlice<UInt8>) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    var rest = bytes
    var line = 1
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

  var text: String { String(decoding: self, as: UTF8.self) }
}
