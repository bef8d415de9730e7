/// Decompression of LZ4's blocks and frames (github.com/lz4/lz4, lz4_Block_format.md and lz4_Frame_format.md).
package enum LZ4 {
  /// - Parameter count: how many bytes the contents have.
  package static func decompress(_ block: ArraySlice<UInt8>, count: Int) throws(BlockError) -> [UInt8] {
    var output: [UInt8] = []
    // A byte of a length stands for at most 255.
    output.reserveCapacity(Swift.min(count, 256 * block.count))
    try append(block, to: &output, limit: count)
    guard output.count == count else {
      throw BlockError("damaged: an LZ4 block holds \(output.count) bytes, expected \(count)")
    }
    return output
  }

  /// Blocks with a header, as Arrow has them. Checksums are not looked at.
  ///
  /// - Parameter count: how many bytes the contents have.
  package static func decompress(frame: ArraySlice<UInt8>, count: Int) throws(BlockError) -> [UInt8] {
    var rest = frame
    func number(_ bytes: Int) throws(BlockError) -> Int {
      guard rest.count >= bytes else { throw BlockError("damaged: an LZ4 frame ends too early") }
      defer { rest = rest.dropFirst(bytes) }
      return rest.prefix(bytes).reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    guard try number(4) == 0x184D_2204 else { throw BlockError("damaged: expected an LZ4 frame, found something else") }
    let flags = try number(1)
    // Version 1, and neither a reserved bit nor a dictionary.
    guard flags & 0b1100_0011 == 0b0100_0000 else {
      throw BlockError("an LZ4 frame of flags \(flags), expected version 1 without a dictionary")
    }
    let hasBlockChecksums = flags & 0b1_0000 != 0
    // The largest block, the content's size where it is told, and the header's checksum.
    _ = try number(1)
    if flags & 0b1000 != 0 { _ = try number(8) }
    _ = try number(1)
    var output: [UInt8] = []
    output.reserveCapacity(Swift.min(count, 256 * frame.count))
    while true {
      let size = try number(4)
      guard size != 0 else { break }
      let length = size & 0x7FFF_FFFF
      guard length <= rest.count else { throw BlockError("damaged: an LZ4 frame ends too early") }
      let block = rest.prefix(length)
      rest = rest.dropFirst(length)
      if size == length {
        // A copy may come from the blocks before.
        try append(block, to: &output, limit: count)
      } else {
        guard length <= count - output.count else {
          throw BlockError("damaged: an LZ4 frame holds more than \(count) bytes")
        }
        output += block
      }
      if hasBlockChecksums { _ = try number(4) }
    }
    guard output.count == count else {
      throw BlockError("damaged: an LZ4 frame holds \(output.count) bytes, expected \(count)")
    }
    return output
  }

  /// Appends a block's contents.
  ///
  /// - Parameter count: how many bytes there may be then.
  private static func append(_ block: ArraySlice<UInt8>, to output: inout [UInt8], limit count: Int) throws(BlockError)
  {
    var position = block.startIndex
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
  }
}
