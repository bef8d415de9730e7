/// A hash by which a damaged row is found out before it is used.
struct RowCheck {
  private var hash: UInt64 = 0x9E37_79B9_7F4A_7C15

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var offset = 0
    while offset + 8 <= bytes.count {
      add(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    var rest: UInt64 = 0
    for place in offset..<bytes.count { rest = rest << 8 | UInt64(bytes[place]) }
    // With the length, zeros at the end count.
    add(rest ^ UInt64(bytes.count) << 56)
  }

  mutating func add<Number: BitwiseCopyable>(_ numbers: ArraySlice<Number>) { numbers.withUnsafeBytes { add($0) } }

  /// What most rows have the same of: the columns of it may not be there.
  mutating func add(types: some Collection<UInt8>, label: Int32) {
    if types.contains(where: { $0 != 0 }) { for type in types { add(UInt64(type)) } }
    add(UInt64(UInt32(bitPattern: label)))
  }

  private mutating func add(_ word: UInt64) {
    hash = (hash ^ word) &* 0xFF51_AFD7_ED55_8CCD
    hash ^= hash >> 32
  }

  var value: UInt32 { UInt32(truncatingIfNeeded: hash ^ (hash >> 29)) }
}

/// A row in a file that is not as it was written.
struct DamagedTokens: Error, CustomStringConvertible {
  let directory: String
  let row: Int

  var description: String {
    "\(directory): row \(row + 1) is damaged; delete the directory, and the next run makes it again"
  }
}
