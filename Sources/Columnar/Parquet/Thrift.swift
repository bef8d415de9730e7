/// A value in Thrift's compact protocol (thrift-compact-protocol.md of apache/thrift), in which Parquet writes its
/// metadata.
indirect enum Thrift {
  case bool(Bool)
  case int(Int64)
  case double
  case binary(ArraySlice<UInt8>)
  case list([Thrift])
  case fields([(id: Int, value: Thrift)])

  private static let deepest = 16

  /// Reads a structure.
  init(_ reader: inout ByteReader) throws(ColumnarError) { self = try Self.structure(&reader, depth: 0) }

  private static func structure(_ reader: inout ByteReader, depth: Int) throws(ColumnarError) -> Thrift {
    guard depth < deepest else { throw .damaged("its metadata is nested too deeply") }
    var fields: [(id: Int, value: Thrift)] = []
    var id = 0
    while true {
      let header = try reader.byte()
      if header == 0 { return .fields(fields) }
      let step = Int(header >> 4)
      if step > 0 {
        id += step
      } else {
        guard let own = Int16(exactly: try reader.zigzag()) else { throw .damaged("a field's number is out of range") }
        id = Int(own)
      }
      let kind = header & 15
      // Of a field, the value of a Boolean is its type.
      let value: Thrift =
        kind == 1 ? .bool(true) : kind == 2 ? .bool(false) : try self.value(kind, &reader, depth: depth)
      fields.append((id, value))
    }
  }

  private static func value(_ kind: UInt8, _ reader: inout ByteReader, depth: Int) throws(ColumnarError) -> Thrift {
    switch kind {
    case 1, 2: return .bool(try reader.byte() == 1)
    case 3: return .int(Int64(Int8(bitPattern: try reader.byte())))
    case 4, 5, 6: return .int(try reader.zigzag())
    case 7:
      _ = try reader.take(8)
      return .double
    case 8: return .binary(try reader.take(reader.count()))
    case 9, 10:
      let header = try reader.byte()
      let count = header >> 4 == 15 ? try reader.count() : Int(header >> 4)
      return .list(try elements(count, [header & 15], &reader, depth: depth))
    case 11:
      let count = try reader.count()
      guard count > 0 else { return .list([]) }
      let kinds = try reader.byte()
      // Keys and values in turn: nothing that is read here is a map.
      let (twice, overflow) = count.multipliedReportingOverflow(by: 2)
      guard !overflow else { throw .damaged("a count is out of range") }
      return .list(try elements(twice, [kinds >> 4, kinds & 15], &reader, depth: depth))
    case 12: return try structure(&reader, depth: depth + 1)
    default: throw .damaged("its metadata has a value of an unknown kind, \(kind)")
    }
  }

  private static func elements(
    _ count: Int, _ kinds: [UInt8], _ reader: inout ByteReader, depth: Int
  ) throws(ColumnarError) -> [Thrift] {
    // Each has a byte at least.
    guard count <= reader.rest.count else { throw .damaged("a list says to have \(count) elements") }
    guard depth < deepest else { throw .damaged("its metadata is nested too deeply") }
    var elements: [Thrift] = []
    elements.reserveCapacity(count)
    for index in 0..<count {
      elements.append(try value(kinds[index % kinds.count], &reader, depth: depth + 1))
    }
    return elements
  }

  // MARK: Access

  subscript(id: Int) -> Thrift? {
    guard case .fields(let fields) = self else { return nil }
    return fields.first { $0.id == id }?.value
  }

  var int: Int? { if case .int(let value) = self { Int(value) } else { nil } }
  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  var list: [Thrift]? { if case .list(let value) = self { value } else { nil } }
  var text: String? { if case .binary(let bytes) = self { String(validating: bytes, as: UTF8.self) } else { nil } }

  /// A number that must be there and count something.
  func count(_ id: Int, _ what: String) throws(ColumnarError) -> Int {
    guard let value = self[id]?.int, value >= 0 else { throw .damaged("its metadata lacks \(what)") }
    return value
  }
}
