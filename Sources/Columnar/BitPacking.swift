/// Numbers of a few bits each, end to end, the lowest bit first.
enum BitPacking {
  /// How many bytes so many numbers take.
  static func bytes(_ count: Int, width: Int) throws(ColumnarError) -> Int {
    let (bits, overflow) = count.multipliedReportingOverflow(by: width)
    guard !overflow, bits < Int.max - 7 else { throw .damaged("a count is out of range") }
    return (bits + 7) / 8
  }

  /// - Parameters:
  ///   - bytes: at least as many as the numbers take.
  ///   - width: at most 64.
  static func unpack(_ bytes: ArraySlice<UInt8>, width: Int, count: Int, _ body: (UInt64) -> Void) {
    guard width > 0 else {
      for _ in 0..<count { body(0) }
      return
    }
    let mask: UInt64 = width == 64 ? .max : 1 << UInt64(width) - 1
    // Every number is within nine bytes from where it starts.
    let padded = Array(bytes) + [UInt8](repeating: 0, count: 9)
    padded.withUnsafeBytes { padded in
      for index in 0..<count {
        let start = index * width
        let (byte, shift) = (start >> 3, UInt64(start & 7))
        var value = UInt64(littleEndian: padded.loadUnaligned(fromByteOffset: byte, as: UInt64.self)) >> shift
        if Int(shift) + width > 64 { value |= UInt64(padded[byte + 8]) << (64 - shift) }
        body(value & mask)
      }
    }
  }
}
