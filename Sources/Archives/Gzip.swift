/// Reading gzip data (RFC 1952): one or more compressed members, whose contents follow each other.
package enum Gzip {
  /// Whether the data starts like a gzip file. No UTF-8 text does: the second byte may not follow the first.
  package static func isGzip(_ bytes: some Sequence<UInt8>) -> Bool { bytes.starts(with: [0x1f, 0x8b]) }

  /// The contents, each member's checked against its length and CRC-32.
  ///
  /// - Parameter limit: The most bytes that the contents may have. Deflate can expand a thousandfold.
  package static func decompress(_ bytes: [UInt8], limit: Int) throws(GzipError) -> [UInt8] {
    var inflater = Inflater(bytes, limit: limit)
    // The last member's length is a hint and no more: memory is not taken on the word of a file.
    let hint = bytes.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    inflater.output.reserveCapacity(min(hint, limit, bytes.count &* 8))
    try decompress(&inflater)
    return inflater.output
  }

  /// Up to `count` bytes of the contents, from a file or its beginning.
  package static func start(of bytes: [UInt8], count: Int) throws(GzipError) -> [UInt8] {
    // A stored block is copied as a whole.
    var inflater = Inflater(bytes, limit: count + 0xffff)
    do throws(GzipError) {
      try decompress(&inflater)
    } catch {
      if inflater.output.isEmpty { throw error }
    }
    return Array(inflater.output.prefix(count))
  }

  private static func decompress(_ inflater: inout Inflater) throws(GzipError) {
    repeat {
      try readHeader(&inflater)
      let start = inflater.output.count
      try inflater.inflate()
      let checksum = try inflater.aligned(4)
      let length = try inflater.aligned(4)
      var crc = CRC32()
      inflater.output.withUnsafeBytes { crc.update(UnsafeRawBufferPointer(rebasing: $0[start...])) }
      guard crc.value == checksum else { throw .damaged("its checksum differs") }
      // The format counts modulo 2³².
      guard UInt32(truncatingIfNeeded: inflater.output.count - start) == length else {
        throw .damaged("its length differs")
      }
      // Tape drives pad with zeros.
    } while !inflater.isAtEndOrPadding
  }

  /// Ten bytes, then what its flags announce.
  private static func readHeader(_ inflater: inout Inflater) throws(GzipError) {
    guard try inflater.aligned(2) == 0x8b1f else { throw .damaged("something else follows a member") }
    let method = try inflater.aligned(1)
    guard method == 8 else { throw .damaged("method \(method), expected 8") }
    let flags = try inflater.aligned(1)
    guard flags & 0xe0 == 0 else { throw .damaged("reserved flags are set") }
    _ = try inflater.aligned(4)
    _ = try inflater.aligned(2)
    if flags & 0x04 != 0 {
      for _ in 0..<(try inflater.aligned(2)) { _ = try inflater.aligned(1) }
    }
    // The name and the comment, each up to a zero.
    for flag: UInt32 in [0x08, 0x10] where flags & flag != 0 {
      while try inflater.aligned(1) != 0 {}
    }
    if flags & 0x02 != 0 { _ = try inflater.aligned(2) }
  }
}
