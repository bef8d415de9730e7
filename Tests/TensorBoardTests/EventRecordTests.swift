import Glibc
import JSON
import Testing

@testable import TensorBoard

/// `Fixtures/records.json` is what TensorBoard itself wrote (`Tests/Goldens/make_tensorboard_fixtures.py`).
@Suite struct EventRecords {
  private let fixture: JSON

  init() throws {
    let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    fixture = try JSON(contentsOf: "/\(folder)/Fixtures/records.json")
  }

  private static let time = 1_700_000_000.25

  @Test(arguments: [
    ("fileVersion", EventRecord.fileVersion(time: 1)),
    ("sessionStart", .sessionStart(time: time)),
    ("scalars", .scalars([("loss/total", 0.1), ("größe", .nan)], step: 1_000_000, time: time)),
    ("firstStep", .scalars([("loss/total", 0)], step: 0, time: time)),
    ("text", .text("config", markdown: "    a: ä\n    b: 1", step: 0, time: time)),
    (
      "picture",
      .picture("attention", png: Array(0..<200), width: 300, height: 2, description: "ä b", step: 7, time: time)
    ),
  ])
  func areTensorBoardsBytes(name: String, record: EventRecord) throws {
    #expect(hex(record.framed) == fixture["records"]?[name]?.string)
  }

  @Test func checksumsAreThoseOfTensorBoard() throws {
    let cases = try #require(fixture["checksums"]?.array)
    #expect(cases.count == 3)
    for entry in cases {
      let text = Array(try #require(entry["bytes"]?.string))
      let bytes = try stride(from: 0, to: text.count, by: 2).map {
        try #require(UInt8(String(text[$0..<$0 + 2]), radix: 16))
      }
      #expect(MaskedCRC32C.of(bytes) == entry["masked"]?.int.map(UInt32.init))
    }
  }

  @Test func fileBeginsWithItsVersionAndASession() throws {
    var template = Array("/tmp/distill-ddp-events-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    let file = try EventFile(in: folder, time: Self.time)
    defer {
      unlink(file.path)
      rmdir(folder)
    }
    #expect(file.path.hasPrefix("\(folder)/events.out.tfevents.1700000000."))
    try file.append(.scalars([("loss/total", 0)], step: 0, time: Self.time))
    let stream = try #require(fopen(file.path, "r"))
    defer { fclose(stream) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = fread(&bytes, 1, bytes.count, stream)
    let expected = [
      EventRecord.fileVersion(time: Self.time), .sessionStart(time: Self.time),
      .scalars([("loss/total", 0)], step: 0, time: Self.time),
    ]
    #expect(Array(bytes[..<count]) == expected.flatMap(\.framed))
  }

  @Test func directoryThatIsNotThereIsAnError() {
    #expect(throws: EventFileError.self) { try EventFile(in: "/nowhere/at/all", time: 0) }
  }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
