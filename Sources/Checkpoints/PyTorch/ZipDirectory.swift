import JSON

/// The entries of a zip archive, which must be what PyTorch writes: stored without compression, in one folder.
///
/// The directory at the end of the file is what counts. Reference: PKWARE's APPNOTE.TXT, 4.3.
struct ZipDirectory {
  struct Entry {
    /// Its bytes in the file.
    let range: Range<Int>
    let crc: UInt32
  }

  private static let maximumBytes = 64 << 20

  /// By name, without the folder that they have in common.
  let entries: [String: Entry]

  init(_ file: ReadableFile) throws(PyTorchProblem) {
    let (count, range) = try Self.locate(file)
    guard range.count <= Self.maximumBytes, count <= UInt64(range.count / 46) else {
      throw PyTorchProblem("zip directory: expected at most \(Self.maximumBytes) bytes and as many entries as fit")
    }
    let bytes = try file.part(range.count, at: range.lowerBound, "zip directory")
    var records: [Record] = []
    var position = 0
    for _ in 0..<count { records.append(try Record(bytes, &position)) }
    guard position == bytes.count else {
      throw PyTorchProblem("zip directory: expected \(position) bytes, found \(bytes.count)")
    }
    // Such an archive has compressed entries, which are not what is wrong with it.
    guard !records.contains(where: { $0.name.hasSuffix("/constants.pkl") }) else {
      throw PyTorchProblem("expected a state_dict(), found a TorchScript program; save model.state_dict() instead")
    }
    let folder = records.first.map { $0.name.prefix { $0 != "/" } + "/" } ?? ""
    var entries: [String: Entry] = [:]
    var end = 0
    for record in records.sorted(by: { $0.offset < $1.offset }) {
      let shown = record.name.escapedForDisplay
      guard record.method == 0 else {
        throw PyTorchProblem(
          "\(shown): expected an entry without compression, as PyTorch writes it, found method \(record.method); save "
            + "it again with torch.save")
      }
      guard record.offset >= end else {
        throw PyTorchProblem("\(shown): overlaps the entry before it")
      }
      let start = try record.dataStart(file)
      guard record.size <= range.lowerBound - start else {
        throw PyTorchProblem("\(shown): expected \(record.size) bytes before the zip directory, found fewer")
      }
      end = start + record.size
      guard record.name.hasPrefix(folder) else {
        throw PyTorchProblem("\(shown): expected an entry in \(folder.escapedForDisplay) like the first")
      }
      let name = String(record.name.dropFirst(folder.count))
      guard entries.updateValue(Entry(range: start..<end, crc: record.crc), forKey: name) == nil else {
        throw PyTorchProblem("\(shown): two entries of one name")
      }
    }
    self.entries = entries
  }

  /// Finds the directory by the records behind it, the last of which ends the file.
  private static func locate(_ file: ReadableFile) throws(PyTorchProblem) -> (count: UInt64, Range<Int>) {
    let last = file.size - 22
    let end = try file.part(22, at: last, "end of the zip archive")
    guard end.littleEndian(0, 4) == 0x0605_4b50, end.littleEndian(20, 2) == 0 else {
      throw .incomplete("expected the end of a zip archive in its last 22 bytes, found something else")
    }
    var count = end.littleEndian(10, 2)
    var size = end.littleEndian(12, 4)
    var offset = end.littleEndian(16, 4)
    var behind = last
    var disks = [end.littleEndian(4, 2), end.littleEndian(6, 2)].map { $0 == 0xffff ? 0 : $0 }
    var isConsistent = end.littleEndian(8, 2) == count
    if last >= 20, case let locator = try file.part(20, at: last - 20, "zip64 locator"),
      locator.littleEndian(0, 4) == 0x0706_4b50
    {
      behind = last - 20 - 56
      let record = try file.part(56, at: behind, "zip64 record")
      guard record.littleEndian(0, 4) == 0x0606_4b50, record.littleEndian(4, 8) == 44,
        locator.littleEndian(8, 8) == UInt64(behind)
      else {
        throw PyTorchProblem("zip64 record: expected 56 bytes before its locator, found something else")
      }
      disks += [locator.littleEndian(4, 4), record.littleEndian(16, 4), record.littleEndian(20, 4)]
      // What fits into the older record must be the same there.
      func agree(_ old: UInt64, _ new: UInt64, _ sentinel: UInt64) -> Bool { old == new || old == sentinel }
      isConsistent =
        record.littleEndian(24, 8) == record.littleEndian(32, 8) && agree(count, record.littleEndian(32, 8), 0xffff)
        && agree(size, record.littleEndian(40, 8), 0xffff_ffff)
        && agree(offset, record.littleEndian(48, 8), 0xffff_ffff)
      (count, size, offset) = (
        record.littleEndian(32, 8), record.littleEndian(40, 8), record.littleEndian(48, 8)
      )
    }
    guard disks.allSatisfy({ $0 == 0 }), isConsistent else {
      throw PyTorchProblem("zip archive: expected a single file whose records agree, found something else")
    }
    guard offset <= UInt64(behind), size == UInt64(behind) - offset else {
      throw .incomplete("zip directory: expected it to end at byte \(behind), found \(size) bytes at byte \(offset)")
    }
    return (count, Int(offset)..<behind)
  }

  /// One entry of the directory.
  private struct Record {
    let name: String
    let method: UInt64
    let crc: UInt32
    let size: Int
    /// Where the entry's own header starts.
    let offset: Int

    init(_ bytes: [UInt8], _ position: inout Int) throws(PyTorchProblem) {
      guard bytes.count - position >= 46, bytes.littleEndian(position, 4) == 0x0201_4b50 else {
        throw PyTorchProblem("zip directory: byte \(position): expected an entry")
      }
      let start = position
      func field(_ offset: Int, _ width: Int) -> UInt64 { bytes.littleEndian(start + offset, width) }
      let (nameSize, extraSize) = (Int(field(28, 2)), Int(field(30, 2)))
      let length = 46 + nameSize + extraSize + Int(field(32, 2))
      guard length <= bytes.count - start else {
        throw PyTorchProblem("zip directory: byte \(start): expected \(length) bytes, found fewer")
      }
      position += length
      guard let name = String(validating: bytes[(start + 46)..<(start + 46 + nameSize)], as: UTF8.self),
        Self.isSafe(name)
      else {
        let shown = String(decoding: bytes[(start + 46)..<(start + 46 + nameSize)], as: UTF8.self).quoted
        throw PyTorchProblem("zip directory: expected a relative name in a folder, found \(shown)")
      }
      let shown = name.escapedForDisplay
      guard field(8, 2) & 0x2041 == 0 else { throw PyTorchProblem("\(shown): expected no encryption") }
      var numbers = [field(24, 4), field(20, 4), field(42, 4)]
      let extra = bytes[(start + 46 + nameSize)..<(start + 46 + nameSize + extraSize)]
      try Self.widen(&numbers, Array(extra), shown)
      guard numbers[0] == numbers[1], let size = Int(exactly: numbers[0]), let offset = Int(exactly: numbers[2]),
        field(34, 2) == 0
      else {
        throw PyTorchProblem("\(shown): expected one size and one file, found others")
      }
      self.name = name
      method = field(10, 2)
      self.size = size
      self.offset = offset
      crc = UInt32(field(16, 4))
    }

    /// Replaces the numbers that do not fit into 32 bits by those of the zip64 field, which has them in this order.
    private static func widen(_ numbers: inout [UInt64], _ extra: [UInt8], _ shown: String) throws(PyTorchProblem) {
      var position = 0
      while extra.count - position >= 4 {
        let length = Int(extra.littleEndian(position + 2, 2))
        guard length <= extra.count - position - 4 else { break }
        if extra.littleEndian(position, 2) == 1 {
          var place = position + 4
          for index in numbers.indices where numbers[index] == 0xffff_ffff {
            guard place + 8 <= position + 4 + length else {
              throw PyTorchProblem("\(shown): zip64 field: expected more numbers")
            }
            numbers[index] = extra.littleEndian(place, 8)
            place += 8
          }
          return
        }
        position += 4 + length
      }
    }

    /// A relative path of at least two components that cannot leave its folder, on any system.
    private static func isSafe(_ name: String) -> Bool {
      let parts = name.split(separator: "/", omittingEmptySubsequences: false)
      return parts.count >= 2 && parts.allSatisfy { !["", ".", ".."].contains($0) }
        && name.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\\" && $0 != ":" }
    }

    /// Where its bytes start: behind the entry's own header, whose length differs from the directory's.
    func dataStart(_ file: ReadableFile) throws(PyTorchProblem) -> Int {
      let shown = name.escapedForDisplay
      let header = try file.part(30, at: offset, shown)
      let nameSize = Int(header.littleEndian(26, 2))
      guard header.littleEndian(0, 4) == 0x0403_4b50, header.littleEndian(8, 2) == 0,
        try file.part(nameSize, at: offset + 30, shown).elementsEqual(name.utf8)
      else {
        throw PyTorchProblem("\(shown): expected the entry at byte \(offset), found something else")
      }
      return offset + 30 + nameSize + Int(header.littleEndian(28, 2))
    }
  }
}
