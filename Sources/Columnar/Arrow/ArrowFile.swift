import JSON

/// Record batches as Arrow writes them to files and streams (arrow.apache.org, Columnar.rst), read one after the other.
struct ArrowFile {
  let fields: [ArrowField]
  let metadata: [String: String]
  private let file: FileBytes
  /// Of a stream, the next message.
  private var position = 0
  /// Of a file, where the messages are that have not been read, dictionaries first.
  private var blocks: ArraySlice<Int>?
  /// By their numbers; `nil` of one whose values cannot be read.
  private var dictionaries: [Int: [JSON]] = [:]

  private static let mark = Array("ARROW1".utf8)
  private static let largestMetadata = 256 << 20

  init(_ file: FileBytes) throws(ColumnarError) {
    self.file = file
    let schema: FlatTable
    if try file.bytes(min(8, file.count), at: 0).starts(with: Self.mark) {
      let footer = try Self.footer(of: file)
      guard let own = try footer.table(1) else { throw .damaged("it has no schema") }
      schema = own
      blocks = try footer.blocks(2)[...] + footer.blocks(3)
    } else {
      guard let (message, _) = try Self.message(file, &position) else {
        throw ColumnarError("expected Arrow's file or stream format, found no schema; is it complete?")
      }
      guard try message.number(1, else: UInt8(0)) == 1, let own = try message.table(2) else {
        throw .damaged("it does not begin with a schema")
      }
      schema = own
    }
    guard try schema.number(0, else: Int16(0)) == 0 else {
      throw ColumnarError("numbers with their high bytes first; write the file on a little-endian machine")
    }
    var fields: [ArrowField] = []
    var budget = schema.budget
    for field in try schema.tables(1) { fields.append(try ArrowField(field, budget: &budget)) }
    self.fields = fields
    metadata = try Self.metadata(of: schema)
  }

  /// What stands at a file's end: its schema, and where its messages are.
  private static func footer(of file: FileBytes) throws(ColumnarError) -> FlatTable {
    let last = try file.bytes(min(10, file.count), at: max(0, file.count - 10))
    let length = Int(last.prefix(4).littleEndian() as UInt32)
    guard last.dropFirst(4).elementsEqual(mark), length <= file.count - 18, length <= largestMetadata else {
      throw .damaged("it does not end with a table of its parts and ARROW1; is the file complete?")
    }
    return try FlatTable(try file.bytes(length, at: file.count - 10 - length))
  }

  /// What a schema's writer noted.
  static func metadata(of schema: FlatTable) throws(ColumnarError) -> [String: String] {
    var metadata: [String: String] = [:]
    var budget = schema.budget
    for pair in try schema.tables(2) {
      if let key = try pair.string(0, budget: &budget), let value = try pair.string(1, budget: &budget) {
        metadata[key] = value
      }
    }
    return metadata
  }

  /// The next message, and where its body begins; `nil` at the end.
  private static func message(
    _ file: FileBytes, _ position: inout Int
  ) throws(ColumnarError) -> (FlatTable, body: Range<Int>)? {
    guard position >= 0, file.count - position >= 4 else { return nil }
    var length = Int(try file.bytes(4, at: position)[...].littleEndian() as UInt32)
    position += 4
    // Before version 0.15 there was no such mark.
    if length == 0xffff_ffff {
      length = Int(try file.bytes(4, at: position)[...].littleEndian() as UInt32)
      position += 4
    }
    guard length > 0 else { return nil }
    guard length <= file.count - position, length <= largestMetadata else {
      throw position <= 8
        ? ColumnarError("expected Arrow's file or stream format, found something else")
        : .damaged("a message says to have \(length) bytes; is the file complete?")
    }
    let message = try FlatTable(try file.bytes(length, at: position))
    position += length
    let size = Int(try message.number(3, else: Int64(0)))
    guard size >= 0, size <= file.count - position else {
      throw .damaged("a message says to have \(size) bytes; is the file complete?")
    }
    let body = position..<position + size
    position += size
    return (message, body)
  }

  mutating func next(_ names: [String]) throws(ColumnarError) -> [[JSON]]? {
    while true {
      if let block = blocks?.popFirst() { position = block } else if blocks != nil { return nil }
      guard let (message, body) = try Self.message(file, &position) else { return nil }
      guard let header = try message.table(2) else { continue }
      switch try message.number(1, else: UInt8(0)) {
      case 2: try readDictionary(header, body, names)
      case 3: return try read(header, body, names)
      default: continue
      }
    }
  }

  private func read(_ header: FlatTable, _ body: Range<Int>, _ names: [String]) throws(ColumnarError) -> [[JSON]] {
    var batch = try ArrowBatch(header, body, file, dictionaries)
    var columns: [String: [JSON]] = [:]
    for field in fields {
      do throws(ColumnarError) {
        if names.contains(field.name) {
          guard columns[field.name] == nil else { throw ColumnarError("expected one column of this name, found more") }
          columns[field.name] = try batch.values(field)
        } else {
          try batch.skip(field)
        }
      } catch {
        throw error.of(column: field.name)
      }
    }
    var result: [[JSON]] = []
    for name in names {
      guard let column = columns[name] else {
        throw ColumnarError("expected one column of this name, found 0").of(column: name)
      }
      result.append(column)
    }
    return result
  }

  private mutating func readDictionary(
    _ header: FlatTable, _ body: Range<Int>, _ names: [String]
  ) throws(ColumnarError) {
    let id = Int(try header.number(0, else: Int64(0)))
    // Others may be of types that are not read.
    guard
      let field = fields.filter({ names.contains($0.name) }).lazy.compactMap({ $0.field(withDictionary: id) }).first,
      let data = try header.table(1)
    else { return }
    var batch = try ArrowBatch(data, body, file, dictionaries)
    do throws(ColumnarError) {
      let values = try batch.values(field, ofDictionary: true)
      // A delta adds entries.
      let isDelta = try header.number(2, else: UInt8(0)) != 0
      dictionaries[id] = isDelta ? (dictionaries[id] ?? []) + values : values
    } catch {
      throw error.of(column: field.name)
    }
  }
}

extension ArrowField {
  fileprivate func field(withDictionary id: Int) -> ArrowField? {
    if dictionary?.id == id { return self }
    return children.lazy.compactMap { $0.field(withDictionary: id) }.first
  }
}
