import JSON

/// How Parquet writes numbers and strings (parquet-format, Encodings.md).
enum ParquetEncoding: Int {
  case plain = 0
  case plainDictionary = 2
  case rle = 3
  case bitPacked = 4
  case deltaBinaryPacked = 5
  case deltaLengthByteArray = 6
  case deltaByteArray = 7
  case rleDictionary = 8
  case byteStreamSplit = 9

  // MARK: Runs

  /// Numbers as runs of one, and packed in eights.
  /// - Parameter width: of each, in bits.
  static func runs(_ reader: inout ByteReader, width: Int, count: Int) throws(ColumnarError) -> [UInt32] {
    guard width <= 32 else { throw .damaged("numbers of \(width) bits, expected at most 32") }
    var numbers: [UInt32] = []
    numbers.reserveCapacity(count)
    while numbers.count < count {
      let header = try reader.count()
      let missing = count - numbers.count
      if header & 1 == 0 {
        let number: UInt32 = try reader.take((width + 7) / 8).littleEndian()
        guard header > 0 else { throw .damaged("a run of no numbers") }
        numbers.append(contentsOf: repeatElement(number, count: min(header >> 1, missing)))
      } else {
        // The last group may have more than are wanted.
        let wanted = min(missing, (header >> 1).multipliedReportingOverflow(by: 8).partialValue)
        guard header >> 1 < 1 << 40, wanted > 0 else { throw .damaged("a run is too long") }
        let bytes = try BitPacking.bytes((header >> 1) * 8, width: width)
        let packed = try reader.take(min(bytes, reader.rest.count))
        guard packed.count >= (try BitPacking.bytes(wanted, width: width)) else {
          throw .damaged("a run ends too early")
        }
        BitPacking.unpack(packed, width: width, count: wanted) { numbers.append(UInt32(truncatingIfNeeded: $0)) }
      }
    }
    return numbers
  }

  // MARK: Differences

  static func differences(_ reader: inout ByteReader, count: Int) throws(ColumnarError) -> [Int64] {
    let block = try reader.count()
    let parts = try reader.count()
    let total = try reader.count()
    let first = try reader.zigzag()
    guard block > 0, block <= 1 << 20, parts > 0, block % parts == 0, block / parts % 8 == 0 else {
      throw .damaged("differences in blocks of \(block) in \(parts) parts")
    }
    guard total == count else { throw .damaged("expected \(count) numbers, found \(total)") }
    guard count > 0 else { return [] }
    var numbers = [first]
    numbers.reserveCapacity(count)
    while numbers.count < count {
      let least = try reader.zigzag()
      for width in try reader.take(parts) where numbers.count < count {
        guard width <= 64 else { throw .damaged("numbers of \(width) bits, expected at most 64") }
        let packed = try reader.take(block / parts * Int(width) / 8)
        BitPacking.unpack(packed, width: Int(width), count: min(block / parts, count - numbers.count)) { difference in
          // As the format has it, sums wrap around.
          numbers.append(numbers[numbers.count - 1] &+ least &+ Int64(bitPattern: difference))
        }
      }
    }
    return numbers
  }

  // MARK: Values

  /// The values of a page that are there.
  /// - Parameter dictionary: of the column chunk, where it has one.
  func values(
    _ column: ParquetColumn, _ reader: inout ByteReader, count: Int, dictionary: [JSON]?
  ) throws(ColumnarError) -> [JSON] {
    guard let physical = column.physical else { return [] }
    var values: [JSON] = []
    values.reserveCapacity(count)
    switch (self, physical) {
    case (.plainDictionary, _), (.rleDictionary, _):
      guard count > 0 else { return [] }
      guard let dictionary else { throw .damaged("it refers to a dictionary, and has none") }
      let width = Int(try reader.byte())
      for index in try Self.runs(&reader, width: width, count: count) {
        guard index < dictionary.count else { throw .damaged("entry \(index) of a dictionary of \(dictionary.count)") }
        values.append(dictionary[Int(index)])
      }
    case (.rle, .boolean):
      let length = try reader.number(UInt32.self)
      var runs = ByteReader(try reader.take(Int(length)))
      values = try Self.runs(&runs, width: 1, count: count).map { .bool($0 == 1) }
    case (.plain, .boolean):
      let bits = try reader.take(BitPacking.bytes(count, width: 1))
      BitPacking.unpack(bits, width: 1, count: count) { values.append(.bool($0 == 1)) }
    case (.plain, .byteArray):
      for _ in 0..<count {
        let length = try reader.number(UInt32.self)
        values.append(try reader.take(Int(length)).string())
      }
    case (.plain, _):
      let width = try physical.numberWidth
      let bytes = try reader.take(Self.product(count, width))
      for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: width) {
        values.append(physical.value(bytes[start..<start + width], column))
      }
    case (.byteStreamSplit, _):
      let width = try physical.numberWidth
      let bytes = try reader.take(Self.product(count, width))
      for index in 0..<count {
        let own = (0..<width).map { bytes[bytes.startIndex + $0 * count + index] }
        values.append(physical.value(own[...], column))
      }
    case (.deltaBinaryPacked, .int32):
      values = try Self.differences(&reader, count: count).map { number in
        column.isUnsigned ? JSON(UInt32(truncatingIfNeeded: number)) : JSON(Int32(truncatingIfNeeded: number))
      }
    case (.deltaBinaryPacked, .int64):
      values = try Self.differences(&reader, count: count).map { number in
        column.isUnsigned ? JSON(UInt64(bitPattern: number)) : JSON(number)
      }
    case (.deltaLengthByteArray, .byteArray):
      for length in try Self.differences(&reader, count: count) {
        values.append(try reader.take(Int(length)).string())
      }
    case (.deltaByteArray, .byteArray):
      // Each shares its beginning with the one before it.
      let shared = try Self.differences(&reader, count: count)
      let lengths = try Self.differences(&reader, count: count)
      var text: [UInt8] = []
      for (shared, length) in zip(shared, lengths) {
        guard shared >= 0, shared <= text.count else { throw .damaged("a string shares more than there is") }
        text.removeLast(text.count - Int(shared))
        text += try reader.take(Int(length))
        values.append(try text[...].string())
      }
    default: throw ColumnarError("values of \(physical) in the encoding \(self), which is not read here; write it anew")
    }
    return values
  }

  private static func product(_ count: Int, _ width: Int) throws(ColumnarError) -> Int {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: width)
    guard !overflow else { throw .damaged("a count is out of range") }
    return bytes
  }
}

extension ParquetColumn.Physical {
  /// Of a number, in bytes.
  fileprivate var numberWidth: Int {
    get throws(ColumnarError) {
      switch self {
      case .int32, .float: return 4
      case .int64, .double: return 8
      default: throw ColumnarError("values of \(self) in an encoding of numbers; write it anew")
      }
    }
  }

  fileprivate func value(_ bytes: ArraySlice<UInt8>, _ column: ParquetColumn) -> JSON {
    switch self {
    case .int32:
      column.isUnsigned ? JSON(bytes.littleEndian() as UInt32) : JSON(bytes.littleEndian() as Int32)
    case .int64:
      column.isUnsigned ? JSON(bytes.littleEndian() as UInt64) : JSON(bytes.littleEndian() as Int64)
    case .float: .number(Double(Float(bitPattern: bytes.littleEndian())))
    case .double: .number(Double(bitPattern: bytes.littleEndian()))
    default: .null
    }
  }
}
