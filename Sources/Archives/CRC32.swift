/// The checksum of gzip and zip: CRC-32 with the reflected polynomial 0xEDB88320 (ISO 3309; RFC 1952, section 8).
package struct CRC32 {
  private var state = ~UInt32(0)

  package init() {}

  package var value: UInt32 { ~state }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var crc = state
    Self.tables.withUnsafeBufferPointer { table in
      // Eight bytes at a time, each by the table of what it becomes after as many further bytes.
      var offset = 0
      while offset + 8 <= bytes.count {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ UInt64(crc)
        crc = 0
        for lane in 0..<8 { crc ^= table[(7 - lane) << 8 | Int(truncatingIfNeeded: word >> (8 * lane)) & 0xff] }
        offset += 8
      }
      while offset < bytes.count {
        crc = crc >> 8 ^ table[Int((crc ^ UInt32(bytes[offset])) & 0xff)]
        offset += 1
      }
    }
    state = crc
  }

  /// Of each byte, the remainder it leaves when 0…7 zero bytes follow. (8 × 256)
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 << 8)
    for byte in 0..<256 {
      var remainder = UInt32(byte)
      for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1 == 1 ? 0xEDB8_8320 : 0) }
      tables[byte] = remainder
    }
    for place in 256..<tables.count {
      let before = tables[place - 256]
      tables[place] = before >> 8 ^ tables[Int(before & 0xff)]
    }
    return tables
  }()
}
