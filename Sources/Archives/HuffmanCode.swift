/// A canonical Huffman code of deflate (RFC 1951, section 3.2.2).
struct HuffmanCode {
  static let longest = 15
  /// Codes of at most this many bits are found in one step.
  private static let quick = 10

  /// By the next `quick` bits: symbol × 16 + length, or 0 where the code is longer or there is none.
  private var table: [UInt16]
  /// How many codes there are of each length.
  private var counts: [Int]
  /// By length, then in order.
  private var symbols: [UInt16]

  /// - Parameter lengths: The length of each symbol's code, at most 15; 0 for symbols that do not occur.
  /// - Returns: `nil` for lengths that describe no code: more codes than there is room for, or fewer, unless it is one
  ///   code of one bit.
  init?(lengths: ArraySlice<UInt8>) {
    counts = [Int](repeating: 0, count: Self.longest + 1)
    for length in lengths { counts[Int(length)] += 1 }
    counts[0] = 0
    let used = counts.reduce(0, +)
    var room = 1
    for length in 1...Self.longest {
      room = room << 1 - counts[length]
      guard room >= 0 else { return nil }
    }
    // A block of literals alone has no distance codes, or a single one that is never used.
    guard room == 0 || used == 0 || (used == 1 && counts[1] == 1) else { return nil }

    var firstOfLength = [Int](repeating: 0, count: Self.longest + 2)
    var codeOfLength = firstOfLength
    for length in 1...Self.longest {
      firstOfLength[length + 1] = firstOfLength[length] + counts[length]
      codeOfLength[length + 1] = (codeOfLength[length] + counts[length]) << 1
    }
    symbols = [UInt16](repeating: 0, count: used)
    table = [UInt16](repeating: 0, count: 1 << Self.quick)
    for (symbol, length) in lengths.enumerated() where length > 0 {
      let length = Int(length)
      symbols[firstOfLength[length]] = UInt16(symbol)
      firstOfLength[length] += 1
      let code = codeOfLength[length]
      codeOfLength[length] += 1
      guard length <= Self.quick else { continue }
      // The stream has a code's highest bit first, and everything else's lowest.
      var reversed = 0
      for bit in 0..<length where code >> bit & 1 == 1 { reversed |= 1 << (length - 1 - bit) }
      for place in stride(from: reversed, to: table.count, by: 1 << length) {
        table[place] = UInt16(symbol << 4 | length)
      }
    }
  }

  /// The symbol that the lowest bits stand for and its length, or `nil` where they stand for none.
  /// - Parameter bits: The next bits of the stream, zeros behind its end.
  func decode(_ bits: UInt64) -> (symbol: Int, length: Int)? {
    let entry = Int(table[Int(bits & (1 << UInt64(Self.quick) - 1))])
    if entry != 0 { return (entry >> 4, entry & 15) }
    // Code by code: those of one length are consecutive numbers.
    var (code, first, index) = (0, 0, 0)
    for length in 1...Self.longest {
      code |= Int(bits >> (length - 1) & 1)
      let count = counts[length]
      if code - first < count { return (Int(symbols[index + code - first]), length) }
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    return nil
  }
}
