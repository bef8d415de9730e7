import Archives
import JSON

/// The values of one record batch, read in the order of the schema's fields, each before its children.
struct ArrowBatch {
  private let file: FileBytes
  private let body: Range<Int>
  private let dictionaries: [Int: [JSON]]
  /// Of each field its length and how many are null.
  private var nodes: ArraySlice<(Int, Int)>
  /// Of each buffer where it is in the body, and its size.
  private var buffers: ArraySlice<(Int, Int)>
  /// How many buffers each field of views has besides.
  private var views: ArraySlice<Int>
  private let codec: Int8?
  private let length: Int

  /// - Parameter header: `RecordBatch` of Arrow's Message.fbs.
  init(
    _ header: FlatTable, _ body: Range<Int>, _ file: FileBytes, _ dictionaries: [Int: [JSON]]
  ) throws(ColumnarError) {
    (self.file, self.body, self.dictionaries) = (file, body, dictionaries)
    length = Int(try header.number(0, else: Int64(0)))
    nodes = try header.pairs(1)[...]
    buffers = try header.pairs(2)[...]
    codec = try header.table(3)?.number(0, else: Int8(0))
    views = try header.numbers(4)[...]
  }

  /// A column's values.
  /// - Parameter ofDictionary: reads the dictionary's own rather than what refers to it.
  mutating func values(_ field: ArrowField, ofDictionary: Bool = false) throws(ColumnarError) -> [JSON] {
    let values = try read(field, ofDictionary: ofDictionary)
    guard values.count == length else { throw .damaged("expected \(length) rows, found \(values.count)") }
    return values
  }

  /// Passes over a column.
  mutating func skip(_ field: ArrowField) throws(ColumnarError) {
    _ = try node()
    for _ in 0..<field.buffers { _ = try buffer() }
    if field.dictionary != nil { return }
    if case .stringView = field.kind { try skipViews() }
    for child in field.children { try skip(child) }
  }

  private mutating func skipViews() throws(ColumnarError) {
    guard let count = views.popFirst(), count >= 0, count <= buffers.count else {
      throw .damaged("a batch lacks a column's buffers")
    }
    buffers = buffers.dropFirst(count)
  }

  private mutating func node() throws(ColumnarError) -> (length: Int, nulls: Int) {
    guard let node = nodes.popFirst(), node.0 >= 0 else { throw .damaged("a batch lacks a column") }
    return node
  }

  private mutating func buffer() throws(ColumnarError) -> (Int, Int) {
    guard let buffer = buffers.popFirst() else { throw .damaged("a batch lacks a column's buffers") }
    return buffer
  }

  /// The contents of the next buffer.
  private mutating func bytes() throws(ColumnarError) -> [UInt8] {
    let (offset, size) = try buffer()
    guard offset >= 0, size >= 0, offset <= body.count, size <= body.count - offset else {
      throw .damaged("a buffer lies outside of its batch")
    }
    let stored = try file.bytes(size, at: body.lowerBound + offset)
    guard let codec, size > 0 else { return stored }
    var reader = ByteReader(stored[...])
    let count = try reader.number(Int64.self)
    if count == -1 { return Array(reader.rest) }
    guard count >= 0, count <= 16 << 20 + 1_000 * size else {
      throw .damaged("a buffer says to have \(count) bytes, compressed to \(size)")
    }
    try requireMemory(Int(count), for: "a buffer of \(count) bytes")
    do throws(BlockError) {
      return codec == 1
        ? try Zstandard.decompress(reader.rest, count: Int(count))
        : try LZ4.decompress(frame: reader.rest, count: Int(count))
    } catch {
      throw ColumnarError("\(error)")
    }
  }

  // MARK: Columns

  private mutating func read(_ field: ArrowField, ofDictionary: Bool = false) throws(ColumnarError) -> [JSON] {
    let (count, nulls) = try node()
    if case .null = field.kind, field.dictionary == nil {
      guard count <= length else { throw .damaged("a column of \(count) nulls in \(length) rows") }
      // Nothing in the file is as long as they are.
      guard count <= 1 << 22 else { throw ColumnarError("a column of \(count) nulls; write smaller batches") }
      return [JSON](repeating: .null, count: count)
    }
    if let (id, bits, isSigned) = field.dictionary, !ofDictionary {
      let valid = try validity(count, nulls)
      let indices = try numbers(count, bits: bits, isSigned: isSigned)
      guard let dictionary = dictionaries[id] else { throw .damaged("its dictionary is missing") }
      return try masked(count, valid) { index throws(ColumnarError) in
        guard let entry = indices[index].int, dictionary.indices.contains(entry) else {
          throw .damaged("entry \(indices[index].text()) of a dictionary of \(dictionary.count)")
        }
        return dictionary[entry]
      }
    }
    switch field.kind {
    case .null: return []
    case .int(let bits, let isSigned):
      let valid = try validity(count, nulls)
      let numbers = try numbers(count, bits: bits, isSigned: isSigned)
      return try masked(count, valid) { index throws(ColumnarError) in numbers[index] }
    case .float(let bits):
      let valid = try validity(count, nulls)
      let bytes = try fixed(count, bytes: bits / 8)
      return try masked(count, valid) { index throws(ColumnarError) in
        let own = bytes[index * bits / 8..<(index + 1) * bits / 8]
        return switch bits {
        case 16: .number(Double(Float16(bitPattern: own.littleEndian())))
        case 32: .number(Double(Float(bitPattern: own.littleEndian())))
        default: .number(Double(bitPattern: own.littleEndian()))
        }
      }
    case .bool:
      let valid = try validity(count, nulls)
      let bits = try self.bits(count)
      return try masked(count, valid) { index throws(ColumnarError) in .bool(bits[index]) }
    case .string(let isLarge):
      let valid = try validity(count, nulls)
      let offsets = try offsets(count, isLarge: isLarge)
      let bytes = try bytes()
      guard (offsets.last ?? 0) <= bytes.count else { throw .damaged("a string lies outside of its buffer") }
      return try masked(count, valid) { index throws(ColumnarError) in
        try bytes[offsets[index]..<offsets[index + 1]].string()
      }
    case .stringView: return try viewedStrings(count, nulls)
    case .list(let isLarge):
      let valid = try validity(count, nulls)
      let offsets = try offsets(count, isLarge: isLarge)
      guard field.children.count == 1 else { throw .damaged("a list of \(field.children.count) columns") }
      let elements = try elements(field.children[0])
      guard (offsets.last ?? 0) <= elements.count else { throw .damaged("a list lies outside of its elements") }
      return try masked(count, valid) { index throws(ColumnarError) in
        .array(Array(elements[offsets[index]..<offsets[index + 1]]))
      }
    case .fixedSizeList(let size):
      let valid = try validity(count, nulls)
      guard field.children.count == 1, size >= 0 else { throw .damaged("a list of \(field.children.count) columns") }
      let elements = try elements(field.children[0])
      let (needed, overflow) = count.multipliedReportingOverflow(by: size)
      // Lists of nothing take nothing.
      guard !overflow, needed <= elements.count, size > 0 || count <= length else {
        throw .damaged("a list lies outside of its elements")
      }
      return try masked(count, valid) { index throws(ColumnarError) in
        .array(Array(elements[index * size..<(index + 1) * size]))
      }
    case .other(let kind, _): throw ColumnarError("expected \(ColumnFile.kinds), found \(kind)")
    }
  }

  /// Of lists.
  private mutating func elements(_ field: ArrowField) throws(ColumnarError) -> [JSON] {
    switch field.kind {
    case .list, .fixedSizeList, .null:
      throw ColumnarError("expected \(ColumnFile.kinds), found lists of lists or nulls")
    default: return try read(field)
    }
  }

  private func masked(
    _ count: Int, _ valid: [Bool]?, _ value: (Int) throws(ColumnarError) -> JSON
  ) throws(ColumnarError) -> [JSON] {
    var values: [JSON] = []
    values.reserveCapacity(count)
    for index in 0..<count {
      if let valid, !valid[index] { values.append(.null) } else { values.append(try value(index)) }
    }
    return values
  }

  // MARK: Buffers

  /// Whether each value is there; `nil` where all are.
  private mutating func validity(_ count: Int, _ nulls: Int) throws(ColumnarError) -> [Bool]? {
    guard nulls != 0 else {
      _ = try buffer()
      return nil
    }
    return try bits(count)
  }

  private mutating func bits(_ count: Int) throws(ColumnarError) -> [Bool] {
    let bytes = try bytes()
    guard count <= 8 * bytes.count else { throw .damaged("expected \(count) bits, found \(8 * bytes.count)") }
    var bits: [Bool] = []
    bits.reserveCapacity(count)
    BitPacking.unpack(bytes.prefix((count + 7) / 8), width: 1, count: count) { bits.append($0 == 1) }
    return bits
  }

  /// So many values of so many bytes.
  private mutating func fixed(_ count: Int, bytes width: Int) throws(ColumnarError) -> [UInt8] {
    let bytes = try bytes()
    guard width > 0, count <= bytes.count / width else {
      throw .damaged("expected \(count) values of \(width) bytes, found \(bytes.count) bytes")
    }
    try requireMemory(count * MemoryLayout<JSON>.stride, for: "\(count) values of a column")
    return bytes
  }

  private mutating func numbers(_ count: Int, bits: Int, isSigned: Bool) throws(ColumnarError) -> [JSON] {
    let width = bits / 8
    guard [8, 16, 32, 64].contains(bits) else { throw .damaged("whole numbers of \(bits) bits") }
    let bytes = try fixed(count, bytes: width)
    return (0..<count).map { index in
      let value: UInt64 = bytes[index * width..<(index + 1) * width].littleEndian()
      guard isSigned else { return JSON(value) }
      return .integer(Int(Int64(bitPattern: value << UInt64(64 - bits)) >> Int64(64 - bits)))
    }
  }

  /// One more than there are values, ascending.
  private mutating func offsets(_ count: Int, isLarge: Bool) throws(ColumnarError) -> [Int] {
    // Of no values there may be none.
    if count == 0 {
      _ = try buffer()
      return [0]
    }
    guard count < 1 << 40 else { throw .damaged("a column of \(count) values") }
    let numbers = try numbers(count + 1, bits: isLarge ? 64 : 32, isSigned: true)
    var offsets: [Int] = []
    offsets.reserveCapacity(numbers.count)
    for number in numbers {
      guard let offset = number.int, offset >= offsets.last ?? 0 else { throw .damaged("offsets are not ascending") }
      offsets.append(offset)
    }
    return offsets
  }

  /// Strings of which short ones stand in their views and others in buffers of their own.
  private mutating func viewedStrings(_ count: Int, _ nulls: Int) throws(ColumnarError) -> [JSON] {
    let valid = try validity(count, nulls)
    let places = try fixed(count, bytes: 16)
    guard let more = views.popFirst(), more >= 0, more <= buffers.count else {
      throw .damaged("a batch lacks a column's buffers")
    }
    var data: [[UInt8]] = []
    for _ in 0..<more { data.append(try bytes()) }
    return try masked(count, valid) { index throws(ColumnarError) in
      let view = places[16 * index..<16 * (index + 1)]
      func number(_ place: Int) -> Int {
        Int(view[view.startIndex + place..<view.startIndex + place + 4].littleEndian() as Int32)
      }
      let size = number(0)
      guard size > 12 else {
        guard size >= 0 else { throw .damaged("a string of \(size) bytes") }
        return try view[view.startIndex + 4..<view.startIndex + 4 + size].string()
      }
      let (buffer, offset) = (number(8), number(12))
      guard data.indices.contains(buffer), offset >= 0, offset <= data[buffer].count,
        size <= data[buffer].count - offset
      else { throw .damaged("a string lies outside of its buffer") }
      return try data[buffer][offset..<offset + size].string()
    }
  }
}
