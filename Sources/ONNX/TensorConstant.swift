import ProtocolBuffers

/// What a tensor holds (`TensorProto.DataType`).
package enum ElementType: Int64, Sendable {
  case float32 = 1
  case uint8 = 2
  case int8 = 3
  case int64 = 7
  case bool = 9
  case float16 = 10

  package var bytes: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .float16: 2
    case .float32: 4
    case .int64: 8
    }
  }
}

/// A tensor with numbers of its own (`TensorProto`). They are made when the file is written, one tensor at a time.
package struct TensorConstant {
  package let name: String
  package let type: ElementType
  package let shape: [Int]
  /// Row by row, little-endian.
  let data: () throws -> [UInt8]

  package init(_ name: String, _ type: ElementType, shape: [Int], data: @escaping () throws -> [UInt8]) {
    self.name = name
    self.type = type
    self.shape = shape
    self.data = data
  }

  package init(_ name: String, shape: [Int], floats: [Float]) {
    self.init(name, .float32, shape: shape) { floats.withUnsafeBytes { Array($0) } }
  }

  package init(_ name: String, shape: [Int], integers: [Int]) {
    self.init(name, .int64, shape: shape) { integers.withUnsafeBytes { Array($0) } }
  }

  /// Of the numbers.
  package var byteCount: Int { shape.reduce(type.bytes, *) }

  /// All but the numbers, which follow directly: `raw_data`, last of its fields.
  var header: [UInt8] {
    var message = description
    message.add(9, lengthOfBytes: byteCount)
    return message.bytes
  }

  /// The whole tensor where its numbers lie in another file.
  func bytes(inFile file: String, offset: Int) -> [UInt8] {
    var message = description
    for (key, value) in [("location", file), ("offset", String(offset)), ("length", String(byteCount))] {
      message.add(13) { entry in
        entry.add(1, text: key)
        entry.add(2, text: value)
      }
    }
    // `data_location`: EXTERNAL.
    message.add(14, varint: 1)
    return message.bytes
  }

  private var description: ProtocolMessage {
    var message = ProtocolMessage()
    for size in shape { message.add(1, varint: Int64(size)) }
    message.add(2, varint: type.rawValue)
    message.add(8, text: name)
    return message
  }
}
