/// Decompression of deflate data (RFC 1951).
struct Inflater {
  /// What was decompressed so far.
  var output: [UInt8] = []
  private let input: [UInt8]
  private let limit: Int
  /// The next byte to go into `bits`.
  private var position = 0
  /// Bits that were taken from the input and not used, the next one lowest.
  private var bits: UInt64 = 0
  private var bitCount = 0

  init(_ input: [UInt8], limit: Int) {
    self.input = input
    self.limit = limit
  }

  // MARK: Bits

  private mutating func fill() {
    while bitCount <= 56 && position < input.count {
      bits |= UInt64(input[position]) << UInt64(bitCount)
      position += 1
      bitCount += 8
    }
  }

  /// - Parameter count: At most 32.
  private mutating func take(_ count: Int) throws(GzipError) -> Int {
    if bitCount < count { fill() }
    guard bitCount >= count else { throw .incomplete }
    let value = Int(bits & (1 << UInt64(count) - 1))
    skip(count)
    return value
  }

  private mutating func skip(_ count: Int) {
    bits >>= UInt64(count)
    bitCount -= count
  }

  /// A little-endian number of 1 to 4 bytes, from the next byte on.
  mutating func aligned(_ bytes: Int) throws(GzipError) -> UInt32 {
    skip(bitCount & 7)
    return UInt32(truncatingIfNeeded: try take(8 * bytes))
  }

  /// Whether nothing but zeros is left.
  var isAtEndOrPadding: Bool { bits == 0 && input[position...].allSatisfy { $0 == 0 } }

  private mutating func symbol(_ code: HuffmanCode) throws(GzipError) -> Int {
    if bitCount < HuffmanCode.longest { fill() }
    guard let (symbol, length) = code.decode(bits) else {
      throw bitCount < HuffmanCode.longest ? .incomplete : .damaged("no such code")
    }
    guard length <= bitCount else { throw .incomplete }
    skip(length)
    return symbol
  }

  // MARK: Blocks

  /// Decompresses blocks up to the last one.
  mutating func inflate() throws(GzipError) {
    var isLast = false
    while !isLast {
      isLast = try take(1) == 1
      switch try take(2) {
      case 0: try copyStored()
      case 1: try inflate(Self.fixed)
      case 2: try inflate(try readCodes())
      default: throw .damaged("no such kind of block")
      }
    }
  }

  private mutating func copyStored() throws(GzipError) {
    let count = try aligned(2)
    guard try aligned(2) == ~count & 0xffff else { throw .damaged("a block's length differs from its complement") }
    try checkRoom(Int(count))
    // What is in `bits` are whole bytes now, which go back.
    position -= bitCount / 8
    (bits, bitCount) = (0, 0)
    guard Int(count) <= input.count - position else { throw .incomplete }
    output += input[position..<position + Int(count)]
    position += Int(count)
  }

  private func checkRoom(_ count: Int) throws(GzipError) {
    guard count <= limit - output.count else { throw .tooLong(limit) }
  }

  /// The two codes of a block: of literals and lengths, and of distances.
  private struct Codes {
    let literals: HuffmanCode
    let distances: HuffmanCode

    init?(_ lengths: [UInt8], literals count: Int) {
      guard let literals = HuffmanCode(lengths: lengths[..<count]),
        let distances = HuffmanCode(lengths: lengths[count...])
      else { return nil }
      self.literals = literals
      self.distances = distances
    }
  }

  private mutating func inflate(_ codes: Codes?) throws(GzipError) {
    guard let codes else { throw .damaged("code lengths that are no code") }
    while true {
      let literal = try symbol(codes.literals)
      if literal < 256 {
        try checkRoom(1)
        output.append(UInt8(literal))
        continue
      }
      guard literal > 256 else { return }
      guard literal <= 285 else { throw .damaged("no such length") }
      let count = Self.lengths[literal - 257] + (try take(Self.lengthBits[literal - 257]))
      let place = try symbol(codes.distances)
      guard place < Self.distances.count else { throw .damaged("no such distance") }
      let distance = Self.distances[place] + (try take(Self.distanceBits[place]))
      guard distance <= output.count else { throw .damaged("a distance before its beginning") }
      try checkRoom(count)
      // Byte by byte, as what is copied may be what was just written.
      for place in output.count - distance..<output.count - distance + count { output.append(output[place]) }
    }
  }

  /// The codes of a dynamic block, themselves compressed (section 3.2.7).
  private mutating func readCodes() throws(GzipError) -> Codes? {
    let (literals, distances, count) = (try take(5) + 257, try take(5) + 1, try take(4) + 4)
    var lengths = [UInt8](repeating: 0, count: 19)
    for place in Self.order[..<count] { lengths[place] = UInt8(try take(3)) }
    guard let code = HuffmanCode(lengths: lengths[...]) else { return nil }
    lengths.removeAll()
    while lengths.count < literals + distances {
      let symbol = try symbol(code)
      var (value, times) = (UInt8(0), 1)
      switch symbol {
      case ..<16: value = UInt8(symbol)
      case 16:
        guard let last = lengths.last else { throw .damaged("nothing to repeat") }
        (value, times) = (last, 3 + (try take(2)))
      case 17: times = 3 + (try take(3))
      default: times = 11 + (try take(7))
      }
      lengths += repeatElement(value, count: times)
    }
    // Every block ends with code 256.
    guard lengths.count == literals + distances, lengths[256] > 0 else { return nil }
    return Codes(lengths, literals: literals)
  }

  // MARK: Tables of the format

  private static let lengths = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
  ]
  private static let lengthBits = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ]
  private static let distances = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
  ]
  private static let distanceBits = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
  ]
  /// In which order a dynamic block gives the lengths of its code of code lengths.
  private static let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

  /// The codes of blocks that bring none of their own (section 3.2.6).
  private static let fixed: Codes? = {
    let literals: [UInt8] = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
    return Codes(literals + [UInt8](repeating: 5, count: 32), literals: 288)
  }()
}
