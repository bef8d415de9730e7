/// Reads bytes one after the other, none beyond their end.
struct ByteReader {
  private(set) var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func byte() throws(ColumnarError) -> UInt8 {
    guard let byte = rest.popFirst() else { throw .damaged("it ends too early") }
    return byte
  }

  mutating func take(_ count: Int) throws(ColumnarError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= rest.count else {
      throw .damaged("expected \(count) bytes more, found \(rest.count)")
    }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  /// A little-endian number.
  mutating func number<Number: FixedWidthInteger>(_: Number.Type) throws(ColumnarError) -> Number {
    try take(Number.bitWidth / 8).littleEndian()
  }

  /// A number of up to 64 bits, seven a byte, the lowest first (LEB128).
  mutating func varint() throws(ColumnarError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      let byte = try byte()
      value |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 { return value }
    }
    throw .damaged("a number has too many bytes")
  }

  /// One that is to count something.
  mutating func count() throws(ColumnarError) -> Int {
    guard let count = Int(exactly: try varint()) else { throw .damaged("a count is out of range") }
    return count
  }

  /// A signed number, whose lowest bit is its sign.
  mutating func zigzag() throws(ColumnarError) -> Int64 {
    let value = try varint()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }
}

extension ArraySlice<UInt8> {
  /// As many bytes as the number has, or fewer.
  func littleEndian<Number: FixedWidthInteger>() -> Number {
    reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }
}
