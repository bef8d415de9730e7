/// Decompression of Snappy's blocks (github.com/google/snappy, format_description.txt), without its framing.
package enum Snappy {
  /// - Parameter count: how many bytes the contents have, which the block says too.
  package static func decompress(_ block: ArraySlice<UInt8>, count: Int) throws(BlockError) -> [UInt8] {
    var position = block.startIndex
    func next(_ bytes: Int) throws(BlockError) -> Int {
      guard block.endIndex - position >= bytes else { throw BlockError("damaged: a Snappy block ends too early") }
      defer { position += bytes }
      // At most four.
      return block[position..<position + bytes].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    var length = 0
    var shift = 0
    while true {
      let byte = try next(1)
      length |= (byte & 0x7f) << shift
      if byte & 0x80 == 0 { break }
      shift += 7
      guard shift < 35 else { throw BlockError("damaged: a Snappy block's length has too many bytes") }
    }
    guard length == count else {
      throw BlockError("damaged: a Snappy block says to hold \(length) bytes, expected \(count)")
    }
    var output: [UInt8] = []
    // No element makes more than 64 bytes of two.
    output.reserveCapacity(min(count, 32 * block.count))
    while position < block.endIndex {
      let tag = try next(1)
      guard tag & 3 != 0 else {
        var size = tag >> 2 + 1
        if size > 60 { size = try next(size - 60) + 1 }
        guard size <= block.endIndex - position, size <= count - output.count else {
          throw BlockError("damaged: a Snappy literal is too long")
        }
        output += block[position..<position + size]
        position += size
        continue
      }
      let (size, offset): (Int, Int)
      switch tag & 3 {
      case 1: (size, offset) = (tag >> 2 & 7 + 4, (tag >> 5) << 8 | (try next(1)))
      case 2: (size, offset) = (tag >> 2 + 1, try next(2))
      default: (size, offset) = (tag >> 2 + 1, try next(4))
      }
      try output.repeatBack(offset, size, limit: count, "Snappy")
    }
    guard output.count == count else {
      throw BlockError("damaged: a Snappy block holds \(output.count) bytes, expected \(count)")
    }
    return output
  }
}

extension [UInt8] {
  /// Appends `size` bytes from `offset` back, which may run into what is being appended.
  mutating func repeatBack(_ offset: Int, _ size: Int, limit: Int, _ format: String) throws(BlockError) {
    guard offset > 0, offset <= count, size <= limit - count else {
      throw BlockError("damaged: a copy in a block of \(format) leaves its contents")
    }
    if offset >= size {
      append(contentsOf: self[count - offset..<count - offset + size])
    } else {
      for _ in 0..<size { append(self[count - offset]) }
    }
  }
}
