/// The checksum of TFRecord files: CRC-32 with Castagnoli's polynomial (RFC 3720, B.4), then rotated and shifted so that
/// a checksum of data that holds checksums is still a good one.
enum MaskedCRC32C {
  static func of(_ bytes: [UInt8]) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes { crc = crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 0xff)] }
    crc = ~crc
    return (crc >> 15 | crc << 17) &+ 0xa282_ead8
  }

  /// Of each byte, the remainder it leaves.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { remainder, _ in remainder >> 1 ^ (remainder & 1 == 1 ? 0x82F6_3B78 : 0) }
  }
}
