/// A table of FlatBuffers (flatbuffers.dev, internals), in which Arrow writes its metadata. Nothing is read beyond the
/// buffer's end.
struct FlatTable {
  private let bytes: [UInt8]
  private let position: Int
  /// Of the list of places that tables of one shape share.
  private let shape: Int
  private let shapeSize: Int

  /// The root of a buffer.
  init(_ bytes: [UInt8]) throws(ColumnarError) {
    try self.init(bytes, at: Int(try Self.number(bytes, 0, UInt32.self)))
  }

  private init(_ bytes: [UInt8], at position: Int) throws(ColumnarError) {
    let table = position - Int(try Self.number(bytes, position, Int32.self))
    let size = Int(try Self.number(bytes, table, UInt16.self))
    guard size >= 4 else { throw .damaged("a table of its metadata is not one") }
    (self.bytes, self.position, shape, shapeSize) = (bytes, position, table, size)
  }

  private static func number<Number: FixedWidthInteger>(
    _ bytes: [UInt8], _ offset: Int, _: Number.Type
  ) throws(ColumnarError) -> Number {
    let size = Number.bitWidth / 8
    guard offset >= 0, offset <= bytes.count, size <= bytes.count - offset else {
      throw .damaged("its metadata refers to what lies outside of it")
    }
    return bytes[offset..<offset + size].littleEndian()
  }

  private func place(_ field: Int) throws(ColumnarError) -> Int? {
    guard 6 + 2 * field <= shapeSize else { return nil }
    let offset = Int(try Self.number(bytes, shape + 4 + 2 * field, UInt16.self))
    return offset > 0 ? position + offset : nil
  }

  /// A number, or what stands for one that is not there.
  func number<Number: FixedWidthInteger>(_ field: Int, else standard: Number) throws(ColumnarError) -> Number {
    guard let place = try place(field) else { return standard }
    return try Self.number(bytes, place, Number.self)
  }

  /// Where an offset leads.
  private func target(_ place: Int) throws(ColumnarError) -> Int {
    place + Int(try Self.number(bytes, place, UInt32.self))
  }

  func table(_ field: Int) throws(ColumnarError) -> FlatTable? {
    guard let place = try place(field) else { return nil }
    return try FlatTable(bytes, at: try target(place))
  }

  /// - Parameter budget: of bytes, which it takes from: several names may be the same bytes.
  func string(_ field: Int, budget: inout Int) throws(ColumnarError) -> String? {
    guard let (start, count) = try vector(field, stride: 1) else { return nil }
    budget -= count + 1
    guard budget >= 0 else { throw .damaged("its metadata has more names than bytes") }
    guard let text = String(validating: bytes[start..<start + count], as: UTF8.self) else {
      throw .damaged("a name in its metadata is not UTF-8")
    }
    return text
  }

  /// Enough for all names of a buffer that has each once.
  var budget: Int { 4 * bytes.count }

  func tables(_ field: Int) throws(ColumnarError) -> [FlatTable] {
    guard let (start, count) = try vector(field, stride: 4) else { return [] }
    var tables: [FlatTable] = []
    for index in 0..<count { tables.append(try FlatTable(bytes, at: try target(start + 4 * index))) }
    return tables
  }

  /// Structures of two numbers of 64 bits.
  func pairs(_ field: Int) throws(ColumnarError) -> [(Int, Int)] {
    guard let (start, count) = try vector(field, stride: 16) else { return [] }
    var pairs: [(Int, Int)] = []
    for place in stride(from: start, to: start + 16 * count, by: 16) {
      pairs.append(
        (Int(try Self.number(bytes, place, Int64.self)), Int(try Self.number(bytes, place + 8, Int64.self))))
    }
    return pairs
  }

  /// The offsets that `Block` structures of a file's footer begin with.
  func blocks(_ field: Int) throws(ColumnarError) -> [Int] {
    guard let (start, count) = try vector(field, stride: 24) else { return [] }
    var offsets: [Int] = []
    for index in 0..<count { offsets.append(Int(try Self.number(bytes, start + 24 * index, Int64.self))) }
    return offsets
  }

  func numbers(_ field: Int) throws(ColumnarError) -> [Int] {
    guard let (start, count) = try vector(field, stride: 8) else { return [] }
    var numbers: [Int] = []
    for index in 0..<count { numbers.append(Int(try Self.number(bytes, start + 8 * index, Int64.self))) }
    return numbers
  }

  /// Where a vector's elements begin, and how many there are.
  private func vector(_ field: Int, stride: Int) throws(ColumnarError) -> (Int, Int)? {
    guard let place = try place(field) else { return nil }
    let start = try target(place)
    let count = Int(try Self.number(bytes, start, UInt32.self))
    guard count <= (bytes.count - start - 4) / stride else {
      throw .damaged("its metadata refers to what lies outside of it")
    }
    return (start + 4, count)
  }
}
