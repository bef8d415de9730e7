import Archives
import Glibc

/// A text file a few megabytes at a time, each piece ending where a row does. A compressed file comes as one piece.
final class TextBlocks {
  private let path: String
  private let descriptor: Int32
  private let size: Int
  /// Whether rows may have line ends within quotes.
  private let hasQuotes: Bool
  /// Read already, but not given yet: the beginning of a row.
  private var rest: [UInt8] = []
  private var nextLine = 1
  private var nextByte = 0
  private var isAtEnd = false

  /// - Parameters:
  ///   - hasQuotes: whether rows may have line ends within quotes, as those of CSV may.
  ///   - size: of a piece, about; a row may make it longer.
  init(_ path: String, hasQuotes: Bool, size: Int) throws(DatasetError) {
    self.path = path
    self.hasQuotes = hasQuotes
    self.size = size
    do throws(RegularFile.Failure) {
      descriptor = try RegularFile.open(path).descriptor
    } catch {
      throw DatasetError(path, error.reason)
    }
  }

  deinit { close(descriptor) }

  /// The next piece, `nil` behind the last; the first may be empty.
  func next() throws(DatasetError) -> DatasetText? {
    guard !isAtEnd else { return nil }
    var bytes = rest
    var end: Int?
    while end == nil, !isAtEnd {
      let more: [UInt8]
      do throws(RegularFile.Failure) {
        more = try RegularFile.bytes(size, from: descriptor)
      } catch {
        throw DatasetError(path, error.reason)
      }
      bytes += more
      isAtEnd = more.count < size
      // A row too long is told by who reads it.
      end = isAtEnd ? nil : self.end(of: bytes) ?? (bytes.count > size + 2 * DatasetText.maximumRow ? bytes.count : nil)
    }
    rest = end.map { Array(bytes[$0...]) } ?? []
    if let end { bytes.removeSubrange(end...) }
    defer {
      nextLine += bytes.count { $0 == UInt8(ascii: "\n") }
      nextByte += bytes.count
    }
    if nextByte > 0 {
      return bytes.isEmpty ? nil : try DatasetText(bytes[...], path: path, firstLine: nextLine, firstByte: nextByte)
    }
    guard !Gzip.isGzip(bytes) else {
      isAtEnd = true
      return try DatasetText(path: path)
    }
    return try DatasetText(decompressing: bytes, path: path)
  }

  /// Behind the last row that is whole.
  private func end(of bytes: [UInt8]) -> Int? {
    guard hasQuotes else { return bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } }
    var end: Int?
    var isQuoted = false
    for (index, byte) in bytes.enumerated() {
      // A doubled quote leaves the field and enters it again.
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      if byte == UInt8(ascii: "\n"), !isQuoted { end = index + 1 }
    }
    return end
  }
}

extension DatasetSource {
  /// Reads all rows as `read` does, and gives some of them at a time.
  /// - Parameter blockBytes: how many bytes of a file are read at once.
  package func forEachBlock(
    _ targets: Targets?, labelsKey: String? = nil, blockBytes: Int = 16 << 20, _ body: (Examples) throws -> Void
  ) throws {
    let files = try files()
    var arePairs: Bool?
    for file in files {
      try file.forEachBlockOfFile(targets, labelsKey, blockBytes) { rows in
        guard rows.count > 0 else { return }
        try file.check(rows, areLike: arePairs ?? rows.hasPairs, of: files[0])
        arePairs = rows.hasPairs
        try body(rows)
      }
    }
  }

  private func forEachBlockOfFile(
    _ targets: Targets?, _ labelsKey: String?, _ blockBytes: Int, _ body: (Examples) throws -> Void
  ) throws {
    let reader = targetReader(targets, labelsKey)
    switch format {
    case .columns(let format):
      var rows = try ColumnRows(self, format, reader, labelsKey: labelsKey)
      while try rows.readBatch() { try body(rows.taken()) }
    case .lines, .csv, .tsv, .jsonl:
      guard contents == nil else { return try body(readFile(targets, labelsKey)) }
      let blocks = try TextBlocks(path, hasQuotes: format == .csv, size: blockBytes)
      var rows = try RowReader(self, reader, labelsKey: labelsKey)
      var isFirst = true
      while let block = try blocks.next() {
        if isFirst { try checkLineEnds(block) }
        isFirst = false
        try body(rows.read(block))
      }
      try rows.finish()
    case .conll, .layout, .hub: try body(readFile(targets, labelsKey))
    }
  }
}
