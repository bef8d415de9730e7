/// A protocol buffer's bytes: fields one after the other, each a number and a value.
package struct ProtocolMessage {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  private enum WireType: UInt64 {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
    case fixed32 = 5
  }

  package mutating func add(_ field: UInt64, varint value: Int64) {
    key(field, .varint)
    varint(UInt64(bitPattern: value))
  }

  package mutating func add(_ field: UInt64, double value: Double) {
    key(field, .fixed64)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
  }

  package mutating func add(_ field: UInt64, float value: Float) {
    key(field, .fixed32)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
  }

  package mutating func add(_ field: UInt64, bytes value: [UInt8]) {
    add(field, lengthOfBytes: value.count)
    bytes += value
  }

  /// What stands before a value of so many bytes, for those that are written elsewhere.
  package mutating func add(_ field: UInt64, lengthOfBytes count: Int) {
    key(field, .lengthDelimited)
    varint(UInt64(count))
  }

  package mutating func add(_ field: UInt64, text: String) { add(field, bytes: Array(text.utf8)) }

  package mutating func add(_ field: UInt64, _ build: (inout ProtocolMessage) -> Void) {
    var message = ProtocolMessage()
    build(&message)
    add(field, bytes: message.bytes)
  }

  private mutating func key(_ field: UInt64, _ type: WireType) { varint(field << 3 | type.rawValue) }

  /// Seven bits a byte, the lowest first; the high bit says that more follow.
  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
