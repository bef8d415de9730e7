import CKernels

/// The SHA-256 of some bytes (FIPS 180-4).
package struct SHA256: Sendable, Hashable, CustomStringConvertible {
  /// The digest's 32 bytes, eight at a time as they lie in memory.
  private let words: (UInt64, UInt64, UInt64, UInt64)

  package static let byteCount = 32

  /// - Parameter portable: does without the processor's instructions for it, to test one against the other.
  package init(of bytes: UnsafeRawBufferPointer, portable: Bool = false) {
    self = withUnsafeTemporaryAllocation(byteCount: Self.byteCount, alignment: 8) { digest in
      ck_sha256(digest.baseAddress, bytes.baseAddress, bytes.count, portable ? 1 : 0)
      return SHA256(UnsafeRawBufferPointer(digest))
    }
  }

  package init(of bytes: [UInt8]) { self = bytes.withUnsafeBytes { SHA256(of: $0) } }

  /// A digest as it was stored: the first 32 bytes.
  package init(stored bytes: UnsafeRawBufferPointer) { self.init(bytes) }

  /// - Returns: `nil` of anything but 64 hexadecimal digits.
  package init?(hexadecimal digits: String) {
    let digits = Array(digits.utf8)
    guard digits.count == 64 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: 64, by: 2) {
      guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else { return nil }
      bytes.append(byte)
    }
    self = bytes.withUnsafeBytes { SHA256(stored: $0) }
  }

  private init(_ bytes: UnsafeRawBufferPointer) {
    func word(_ index: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self) }
    words = (word(0), word(1), word(2), word(3))
  }

  package func store(to bytes: UnsafeMutableRawPointer) {
    for (index, word) in [words.0, words.1, words.2, words.3].enumerated() {
      bytes.storeBytes(of: word, toByteOffset: 8 * index, as: UInt64.self)
    }
  }

  package static func == (a: SHA256, b: SHA256) -> Bool { a.words == b.words }
  /// Any part of a digest is as good as another.
  package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

  /// 64 hexadecimal digits.
  package var description: String {
    let digits = Array("0123456789abcdef".utf8)
    return withUnsafeBytes(of: words) { bytes in
      String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
  }
}
