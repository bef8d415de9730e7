import Archives
import Testing

struct CRC32Tests {
  /// The check value of the catalogue of CRC algorithms, and others of Python's `zlib.crc32`.
  @Test(arguments: [("", 0), ("123456789", 0xCBF4_3926), ("The quick brown fox jumps over the lazy dog", 0x414F_A339)])
  func matchesKnownValues(text: String, expected: UInt32) {
    var whole = CRC32()
    Array(text.utf8).withUnsafeBytes { whole.update($0) }
    #expect(whole.value == expected)
    var parts = CRC32()
    for byte in text.utf8 { [byte].withUnsafeBytes { parts.update($0) } }
    #expect(parts.value == expected)
  }
}
