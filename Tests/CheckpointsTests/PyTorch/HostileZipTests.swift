import Checkpoints
import Testing

struct HostileZipTests {
  private static let pickle = PickleWriter.pickle { $0.state { $0.tensor(count: 2, shape: [2], strides: [1]) } }

  private static func zip(_ change: (inout ZipWriter) -> Void) -> [UInt8] {
    var writer = ZipWriter(pickle: pickle, storage: [UInt8](repeating: 0, count: 8))
    change(&writer)
    return writer.file
  }

  @Test func thePlainArchiveIsRead() throws {
    try withTemporaryDirectory { directory in
      try writeAtomically(Self.zip { _ in }, to: directory + "/x.bin")
      #expect(try PyTorchFile(directory + "/x.bin").tensors.map(\.name) == ["a"])
    }
  }

  @Test(arguments: [
    "m/../evil", "../evil", "/etc/passwd", "m//data/0", "m/./x", "m\\data", "C:/x", "m/x\u{0}", "m/x\u{1b}[2J", "plain",
    "m/", "",
  ])
  func namesMayNotLeaveTheArchive(name: String) throws {
    try expectError(Self.zip { $0.entries.append(.init(name, [])) }, "expected a relative name in a folder")
  }

  static let archives: [(name: String, file: [UInt8], message: String)] = [
    ("compressed", zip { $0.entries[2].method = 8 }, "expected an entry without compression"),
    ("encrypted", zip { $0.entries[2].flags = 1 }, "expected no encryption"),
    ("stronglyEncrypted", zip { $0.entries[2].flags = 0x40 }, "expected no encryption"),
    ("bombOfOneByte", zip { ($0.entries[2].size, $0.entries[2].compressedSize) = (1 << 31, 1) }, "expected one size"),
    ("lyingSize", zip { $0.entries[2].size = 1 << 31 }, "before the zip directory, found fewer"),
    ("otherFolder", zip { $0.entries.append(.init("n/x", [])) }, "expected an entry in m/ like the first"),
    ("twoOfOneName", zip { $0.entries.append($0.entries[1]) }, "m/byteorder: two entries of one name"),
    (
      "overlapping",
      zip {
        $0.entries.append(.init("m/x", []))
        $0.entries[3].offset = 10
      }, "overlaps the entry before"
    ),
    ("quine", zip { $0.entries[1].size = 20 }, "overlaps the entry before it"),
    ("offsetElsewhere", zip { $0.entries[0].offset = 1 }, "expected the entry at byte 1, found something else"),
    ("offsetBehindTheEnd", zip { $0.entries[2].offset = 1 << 30 }, "the file is incomplete or altered"),
    ("offsetWithoutItsField", zip { $0.entries[2].offset = 0xffff_ffff }, "the file is incomplete or altered"),
    (
      "shortZip64Field",
      zip {
        $0.entries[2].offset = 0xffff_ffff
        $0.entries[2].extra = [1, 0, 4, 0, 0, 0, 0, 0]
      }, "zip64 field: expected more numbers"
    ),
    (
      "hugeZip64Offset",
      zip {
        $0.entries[2].offset = 0xffff_ffff
        $0.entries[2].extra = [1, 0, 8, 0] + [UInt8](repeating: 0xff, count: 8)
      }, "expected one size and one file"
    ),
    ("moreEntriesThanThereAre", zip { $0.count = 4 }, "as many entries as fit"),
    ("manyMoreEntries", zip { $0.count = 65_000 }, "as many entries as fit"),
    ("fewerEntriesThanThereAre", zip { $0.count = 2 }, "zip directory: expected"),
    ("directoryElsewhere", zip { $0.directoryOffset = 3 }, "zip directory: expected it to end"),
    ("directoryTooLong", zip { $0.directorySize = 1 << 30 }, "zip directory: expected it to end"),
    ("secondDisk", zip { $0.disk = 1 }, "expected a single file"),
    ("comment", zip { $0.comment = [65] }, "expected the end of a zip archive"),
    ("tail", zip { $0.tail = [0] }, "expected the end of a zip archive"),
    ("bigEndian", zip { $0.entries[1].bytes = Array("big".utf8) }, #"byteorder: expected little, found "big""#),
    ("damagedPickle", zip { $0.entries[0].crc = 5 }, "data.pkl: its checksum differs"),
    ("noPickle", zip { $0.entries.removeFirst() }, "expected an entry data.pkl"),
    ("longPickle", zip { $0.entries[0].bytes += [UInt8](repeating: 0, count: 16 << 20) }, "data.pkl: expected at most"),
    ("twoPickles", zip { $0.entries[0].bytes += [0x80, 2, 0x4e, 0x2e] }, "data.pkl: expected one pickle"),
    (
      "torchScript",
      zip {
        $0.entries[2].method = 8
        $0.entries.append(.init("m/constants.pkl", []))
      }, "found a TorchScript program"
    ),
    ("nothing", ZipWriter([.init("m/x", [])]).file, "expected an entry data.pkl"),
  ]

  @Test(arguments: archives.indices)
  func isRefused(_ index: Int) throws {
    let (_, file, message) = Self.archives[index]
    try expectError(file, message)
  }
}
