import Archives
import JSON

/// A Parquet file (parquet-format, README.md), of which columns are read by their names.
struct ParquetFile {
  let columns: [ParquetColumn]
  let metadata: [String: String]
  private let file: FileBytes
  private let rowGroups: [Thrift]
  private var nextGroup = 0

  private static let mark = Array("PAR1".utf8)
  private static let largestFooter = 256 << 20

  init(_ file: FileBytes) throws(ColumnarError) {
    self.file = file
    guard file.count >= 12 else { throw ColumnarError("expected a Parquet file, found \(file.count) bytes") }
    let end = try file.bytes(8, at: file.count - 8)
    guard try file.bytes(4, at: 0) == Self.mark, Array(end[4...]) == Self.mark else {
      let isEncrypted = Array(end[4...]) == Array("PARE".utf8)
      throw ColumnarError(
        isEncrypted
          ? "is an encrypted Parquet file; write it without encryption"
          : "expected a Parquet file, which begins and ends with PAR1, found something else; is it complete?")
    }
    let length = Int(end[..<4].littleEndian() as UInt32)
    guard length <= file.count - 12, length <= Self.largestFooter else {
      throw .damaged("its footer says to have \(length) bytes")
    }
    // A value takes more in memory than in the file.
    try requireMemory(40 * length, for: "the file's metadata")
    var reader = ByteReader(try file.bytes(length, at: file.count - 8 - length)[...])
    let footer = try Thrift(&reader)
    columns = try ParquetColumn.columns(footer[2]?.list ?? [])
    rowGroups = footer[4]?.list ?? []
    var metadata: [String: String] = [:]
    for pair in footer[5]?.list ?? [] {
      if let key = pair[1]?.text, let value = pair[2]?.text { metadata[key] = value }
    }
    self.metadata = metadata
  }

  mutating func next(_ names: [String]) throws(ColumnarError) -> [[JSON]]? {
    guard nextGroup < rowGroups.count else { return nil }
    let group = rowGroups[nextGroup]
    nextGroup += 1
    let rows = try group.count(3, "the number of rows")
    let chunks = group[1]?.list ?? []
    var result: [[JSON]] = []
    for name in names {
      do throws(ColumnarError) {
        result.append(try read(name, chunks, rows: rows))
      } catch {
        throw error.of(column: name)
      }
    }
    return result
  }

  private func read(_ name: String, _ chunks: [Thrift], rows: Int) throws(ColumnarError) -> [JSON] {
    let matches = columns.filter { $0.name == name }
    guard let column = matches.first, matches.count == 1 else {
      throw ColumnarError("expected one column of this name, found \(matches.count)")
    }
    guard column.physical != nil else { throw ColumnarError("expected \(ColumnFile.kinds), found \(column.kind)") }
    guard column.leaf < chunks.count, let chunk = chunks[column.leaf][3] else {
      throw .damaged("a row group lacks the column")
    }
    guard chunks[column.leaf][1] == nil else { throw ColumnarError("is in another file; write it into one") }
    var values = try ParquetChunk(chunk, of: column, in: file)
    return try values.read(rows: rows)
  }
}

/// A column's values in one row group: pages, one after the other.
private struct ParquetChunk {
  private let column: ParquetColumn
  private let codec: Int
  private let count: Int
  private let bytes: [UInt8]
  private var dictionary: [JSON]?
  /// Rows that are complete, or all but the last of lists.
  private var rows: [JSON] = []
  /// Of the list that is being read.
  private var list: [JSON]?

  init(_ chunk: Thrift, of column: ParquetColumn, in file: FileBytes) throws(ColumnarError) {
    self.column = column
    codec = chunk[4]?.int ?? 0
    count = try chunk.count(5, "the number of values")
    let size = try chunk.count(7, "a column's size")
    var start = try chunk.count(9, "where a column begins")
    // Some writers leave it out, and note nought.
    if let dictionary = chunk[11]?.int, dictionary > 0, dictionary < start { start = dictionary }
    bytes = try file.bytes(size, at: start)
    // Runs of one value take next to nothing; more than these are made up.
    guard count <= 1 << 20 + (size << 12) else { throw .damaged("it says to have \(count) values in \(size) bytes") }
    try requireMemory(count * MemoryLayout<JSON>.stride, for: "\(count) values of a column")
  }

  mutating func read(rows expected: Int) throws(ColumnarError) -> [JSON] {
    var reader = ByteReader(bytes[...])
    var found = 0
    rows.reserveCapacity(min(expected, count))
    while found < count { found += try page(&reader, atMost: count - found) }
    if let list { rows.append(.array(list)) }
    guard rows.count == expected else { throw .damaged("expected \(expected) rows, found \(rows.count)") }
    return rows
  }

  /// - Returns: how many values it had.
  private mutating func page(_ reader: inout ByteReader, atMost most: Int) throws(ColumnarError) -> Int {
    let header = try Thrift(&reader)
    let size = try header.count(2, "a page's size")
    let stored = try reader.take(header.count(3, "a page's size in the file"))
    if let expected = header[4]?.int {
      var checksum = CRC32()
      stored.withUnsafeBytes { checksum.update($0) }
      guard UInt32(truncatingIfNeeded: expected) == checksum.value else { throw .damaged("a page's checksum differs") }
    }
    switch header[1]?.int {
    case 2:
      guard let own = header[7], dictionary == nil else { throw .damaged("expected one dictionary, found more") }
      let entries = try own.count(1, "a dictionary's size")
      guard entries <= count + 1 << 16 else { throw .damaged("a dictionary says to have \(entries) entries") }
      var values = ByteReader(try decompressed(stored, size)[...])
      // Of four bytes each at least, but for Booleans, which no dictionary has.
      guard entries <= values.rest.count else { throw .damaged("a dictionary says to have \(entries) entries") }
      dictionary = try ParquetEncoding.plain.values(column, &values, count: entries, dictionary: nil)
      return 0
    case 0:
      guard let own = header[5] else { throw .damaged("a page lacks its header") }
      let values = try own.count(1, "a page's number of values")
      guard values <= most else { throw .damaged("a page has more values than its column") }
      var contents = ByteReader(try decompressed(stored, size)[...])
      let repetitions = try levels(column.mostRepetition, own[4]?.int, &contents, count: values)
      let definitions = try levels(column.mostDefinition, own[3]?.int, &contents, count: values)
      try add(values, repetitions, definitions, own[2]?.int, &contents)
      return values
    case 3:
      guard let own = header[8] else { throw .damaged("a page lacks its header") }
      let values = try own.count(1, "a page's number of values")
      guard values <= most else { throw .damaged("a page has more values than its column") }
      var stored = ByteReader(stored)
      var repeated = ByteReader(try stored.take(own.count(6, "the size of levels")))
      var defined = ByteReader(try stored.take(own.count(5, "the size of levels")))
      func numbers(_ most: Int, _ reader: inout ByteReader) throws(ColumnarError) -> [UInt32]? {
        most == 0 ? nil : try ParquetEncoding.runs(&reader, width: Self.width(most), count: values)
      }
      let repetitions = try numbers(column.mostRepetition, &repeated)
      let definitions = try numbers(column.mostDefinition, &defined)
      let levels = (own[5]?.int ?? 0) + (own[6]?.int ?? 0)
      guard size >= levels else { throw .damaged("a page is smaller than its levels") }
      let isCompressed = own[7]?.bool ?? true
      var contents =
        isCompressed && !stored.isAtEnd
        ? ByteReader(try decompressed(stored.rest, size - levels)[...]) : ByteReader(stored.rest)
      try add(values, repetitions, definitions, own[4]?.int, &contents)
      return values
    // Of indices, and what is to come.
    default: return 0
    }
  }

  private static func width(_ most: Int) -> Int { Int.bitWidth - most.leadingZeroBitCount }

  private func levels(
    _ most: Int, _ encoding: Int?, _ reader: inout ByteReader, count: Int
  ) throws(ColumnarError) -> [UInt32]? {
    guard most > 0 else { return nil }
    guard encoding == ParquetEncoding.rle.rawValue else {
      throw ColumnarError("levels in an encoding that is deprecated; write the file anew")
    }
    var own = ByteReader(try reader.take(Int(try reader.number(UInt32.self))))
    return try ParquetEncoding.runs(&own, width: Self.width(most), count: count)
  }

  /// Takes in a page's values, with a level for each and for each that is not there.
  private mutating func add(
    _ count: Int, _ repetitions: [UInt32]?, _ definitions: [UInt32]?, _ encoding: Int?, _ reader: inout ByteReader
  ) throws(ColumnarError) {
    let most = UInt32(column.mostDefinition)
    guard definitions?.allSatisfy({ $0 <= most }) ?? true, repetitions?.allSatisfy({ $0 <= 1 }) ?? true else {
      throw .damaged("a level is out of range")
    }
    let present = definitions?.count { $0 == most } ?? count
    guard let encoding = encoding.flatMap(ParquetEncoding.init) else {
      throw ColumnarError("an encoding that is unknown here; write the file anew")
    }
    let values = try encoding.values(column, &reader, count: present, dictionary: dictionary)
    guard values.count == present else { throw .damaged("expected \(present) values, found \(values.count)") }
    var next = 0
    func value(_ definition: UInt32) -> JSON {
      guard definition == most else { return .null }
      defer { next += 1 }
      return values[next]
    }
    guard let repetitions else {
      for index in 0..<count { rows.append(value(definitions?[index] ?? most)) }
      return
    }
    let element = UInt32(column.elementDefinition)
    for index in 0..<count {
      let definition = definitions?[index] ?? most
      if repetitions[index] == 0 {
        if let list { rows.append(.array(list)) }
        list = nil
        if definition + 1 < element {
          rows.append(.null)
        } else {
          list = definition < element ? [] : [value(definition)]
        }
      } else {
        guard definition >= element, list != nil else { throw .damaged("a list goes on that has not begun") }
        let own = value(definition)
        list?.append(own)
      }
    }
  }

  // MARK: Compression

  private func decompressed(_ bytes: ArraySlice<UInt8>, _ size: Int) throws(ColumnarError) -> [UInt8] {
    guard codec != 0 else { return Array(bytes) }
    // Stops a page that was made to fill the memory.
    guard size <= 16 << 20 + 1_000 * bytes.count else {
      throw .damaged("a page says to have \(size) bytes, compressed to \(bytes.count)")
    }
    try requireMemory(size, for: "a page of \(size) bytes")
    do {
      switch codec {
      case 1: return try Snappy.decompress(bytes, count: size)
      case 2:
        let contents = try Gzip.decompress(Array(bytes), limit: size)
        guard contents.count == size else { throw ColumnarError.damaged("a page's size differs") }
        return contents
      case 6: return try Zstandard.decompress(bytes, count: size)
      case 7: return try LZ4.decompress(bytes, count: size)
      default:
        let names = [3: "LZO", 4: "Brotli", 5: "LZ4 in Hadoop's frames"]
        throw ColumnarError(
          "compressed with \(names[codec] ?? "method \(codec)"), expected none, Snappy, gzip, zstd or LZ4; write the file "
            + "anew with one of these")
      }
    } catch let error as ColumnarError {
      throw error
    } catch {
      throw ColumnarError("\(error)")
    }
  }
}
