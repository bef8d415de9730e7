/// Decompression of LZ4's blocks (github.com/lz4/lz4, lz4_Block_format.md), without frames.
package enum LZ4 {
  /// - Parameter count: how many bytes the contents have.
  package static func decompress(_ block: ArraySlice<UInt8>, count: Int) throws(BlockError) -> [UInt8] {
    var position = block.startIndex
    var output: [UInt8] = []
    // A byte of a length stands for at most 255.
    output.reserveCapacity(Swift.min(count, 256 * block.count))
    func next() throws(BlockError) -> Int {
      guard position < block.endIndex else { throw BlockError("damaged: an LZ4 block ends too early") }
      defer { position += 1 }
      return Int(block[position])
    }
    func length(_ start: Int) throws(BlockError) -> Int {
      var length = start
      guard start == 15 else { return length }
      while true {
        let byte = try next()
        length += byte
        guard length <= count else { throw BlockError("damaged: an LZ4 block holds more than \(count) bytes") }
        if byte < 255 { return length }
      }
    }
    while position < block.endIndex {
      let token = try next()
      let literals = try length(token >> 4)
      guard literals <= block.endIndex - position, literals <= count - output.count else {
        throw BlockError("damaged: an LZ4 literal is too long")
      }
      output += block[position..<position + literals]
      position += literals
      // The last sequence has literals alone.
      if position == block.endIndex { break }
      let offset = try next() | (try next()) << 8
      try output.repeatBack(offset, try length(token & 15) + 4, limit: count, "LZ4")
    }
    guard output.count == count else {
      throw BlockError("damaged: an LZ4 block holds \(output.count) bytes, expected \(count)")
    }
    return output
  }
}
