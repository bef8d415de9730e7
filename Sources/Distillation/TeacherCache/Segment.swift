import Glibc
import Kernels

/// The format of a segment: a file that one rank of one run writes, and all read.
///
/// A header (magic, version, the description's length and checksum), the description, then entries end to end: each a
/// header (magic, precision, length in tokens, bytes of values, key, checksum of the values, checksum of what is before
/// it), then the values. All integers are little-endian. What is written is never changed.
enum Segment {
  static let suffix = ".segment"
  private static let magic: UInt64 = UInt64(littleEndian: 0x4548_4341_4350_4444)  // "DDPCACHE"
  private static let version: UInt32 = 1
  private static let headerSize = 24

  /// The bytes before the first entry.
  static func opening(_ description: [UInt8]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: headerSize)
    bytes.withUnsafeMutableBytes { bytes in
      bytes.storeBytes(of: magic.littleEndian, toByteOffset: 0, as: UInt64.self)
      bytes.storeBytes(of: version.littleEndian, toByteOffset: 8, as: UInt32.self)
      bytes.storeBytes(of: UInt32(description.count).littleEndian, toByteOffset: 12, as: UInt32.self)
      let sum = description.withUnsafeBytes { checksum($0) }
      bytes.storeBytes(of: sum.littleEndian, toByteOffset: 16, as: UInt64.self)
    }
    return bytes + description
  }

  /// A segment's description and where its first entry starts; `nil` where the file is no segment.
  static func readOpening(_ file: CacheFile) -> (description: [UInt8], end: Int)? {
    guard let header = file.bytes(headerSize, at: 0) else { return nil }
    let (magic, version, count, sum) = header.withUnsafeBytes { bytes in
      (
        bytes.integer(at: 0, as: UInt64.self), bytes.integer(at: 8, as: UInt32.self),
        bytes.integer(at: 12, as: UInt32.self), bytes.integer(at: 16, as: UInt64.self)
      )
    }
    guard magic == Self.magic, version == Self.version, count <= CacheIdentity.longestDescription,
      let description = file.bytes(Int(count), at: headerSize), description.withUnsafeBytes({ checksum($0) }) == sum
    else { return nil }
    return (description, headerSize + Int(count))
  }

  /// What stands before an entry's values.
  struct EntryHeader {
    let precision: TeacherCacheSettings.Precision
    let length: Int
    /// Of the values.
    let byteCount: Int
    let key: SHA256
    /// Of the values.
    let checksum: UInt64

    static let size = 72
    private static let magic: UInt32 = 0x5952_544E  // "NTRY"

    func store(to bytes: UnsafeMutableRawPointer) {
      bytes.storeBytes(of: Self.magic.littleEndian, toByteOffset: 0, as: UInt32.self)
      bytes.storeBytes(of: (precision == .fp16 ? 16 : 32 as UInt32).littleEndian, toByteOffset: 4, as: UInt32.self)
      bytes.storeBytes(of: UInt64(length).littleEndian, toByteOffset: 8, as: UInt64.self)
      bytes.storeBytes(of: UInt64(byteCount).littleEndian, toByteOffset: 16, as: UInt64.self)
      key.store(to: bytes + 24)
      bytes.storeBytes(of: checksum.littleEndian, toByteOffset: 56, as: UInt64.self)
      let own = Distillation.checksum(UnsafeRawBufferPointer(start: bytes, count: 64))
      bytes.storeBytes(of: own.littleEndian, toByteOffset: 64, as: UInt64.self)
    }
  }

  /// Goes through the entries from `offset` on, which is left behind the last that is whole.
  ///
  /// - Parameter body: gets each entry's header and where its values start.
  /// - Returns: what is wrong with the rest; `nil` where the file ends with an entry.
  static func scan(_ file: CacheFile, from offset: inout Int, _ body: (EntryHeader, Int) -> Void) -> Damage? {
    guard let size = file.size, size > offset else { return nil }
    return withUnsafeTemporaryAllocation(byteCount: EntryHeader.size, alignment: 8) { header in
      while offset < size {
        guard size - offset >= EntryHeader.size, file.read(into: header, at: offset) else { return .cutOff }
        guard let entry = EntryHeader(UnsafeRawBufferPointer(header)) else { return .damaged }
        let start = offset + EntryHeader.size
        guard entry.byteCount <= size - start else { return .cutOff }
        body(entry, start)
        offset = start + entry.byteCount
      }
      return nil
    }
  }

  /// Why a segment's last bytes are of no use.
  enum Damage {
    /// It ends within an entry: its writer was stopped, or still writes.
    case cutOff
    case damaged
  }
}

extension Segment.EntryHeader {
  /// Reads a header; `nil` where it is none or damaged.
  fileprivate init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.integer(at: 0, as: UInt32.self) == Self.magic,
      bytes.integer(at: 64, as: UInt64.self)
        == Distillation.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<64])),
      let length = Int(exactly: bytes.integer(at: 8, as: UInt64.self)),
      let byteCount = Int(exactly: bytes.integer(at: 16, as: UInt64.self))
    else { return nil }
    switch bytes.integer(at: 4, as: UInt32.self) {
    case 16: precision = .fp16
    case 32: precision = .fp32
    default: return nil
    }
    self.length = length
    self.byteCount = byteCount
    key = SHA256(stored: UnsafeRawBufferPointer(rebasing: bytes[24..<56]))
    checksum = bytes.integer(at: 56, as: UInt64.self)
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func integer<Number: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Number.Type) -> Number
  {
    Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
  }
}
