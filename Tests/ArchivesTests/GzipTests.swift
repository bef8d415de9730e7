import Archives
import Foundation
import Testing

struct GzipTests {
  /// The file that `Tests/Goldens/make_gzip_fixtures.py` wrote.
  private func fixture(_ name: String) throws -> [UInt8] {
    let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    return Array(try Data(contentsOf: directory.appending(path: "\(name).gz")))
  }

  private func lines(_ count: Int) -> [UInt8] {
    Array((0..<count).map { "\($0 * $0 % 9973) word\($0 % 17)\n" }.joined().utf8)
  }

  private func failure(_ bytes: [UInt8], limit: Int = 1 << 24) -> String? {
    do throws(GzipError) {
      _ = try Gzip.decompress(bytes, limit: limit)
      return nil
    } catch {
      return error.description
    }
  }

  @Test(arguments: [
    ("stored", 600), ("fixed", 600), ("fast", 3_000), ("dynamic", 3_000), ("huffman", 600), ("rle", 600), ("flags", 10),
    ("empty", 0),
  ])
  func decompressesEveryKindOfBlock(name: String, count: Int) throws {
    let bytes = try fixture(name)
    #expect(Gzip.isGzip(bytes))
    #expect(try Gzip.decompress(bytes, limit: 1 << 20) == lines(count))
  }

  @Test func membersFollowEachOther() throws {
    let bytes = try fixture("members")
    #expect(try Gzip.decompress(bytes, limit: 1 << 20) == lines(600) + Array("last\n".utf8))
    #expect(failure(bytes + [1])?.contains("something else follows a member") == true)
  }

  @Test func theLimitIsOnTheContents() throws {
    let bytes = try fixture("zeros")
    #expect(bytes.count < 2_000)
    #expect(try Gzip.decompress(bytes, limit: 1 << 20) == [UInt8](repeating: 0, count: 1 << 20))
    let message = "expected at most 1048575 bytes when decompressed, found more; decompress or split the file first"
    #expect(failure(bytes, limit: 1 << 20 - 1) == message)
    let many = (0..<8).flatMap { _ in bytes }
    #expect(failure(many, limit: 4 << 20)?.hasPrefix("expected at most 4194304 bytes") == true)
    #expect(failure(try fixture("stored"), limit: 100)?.hasPrefix("expected at most 100 bytes") == true)
  }

  @Test func theStartIsReadFromTheStart() throws {
    let bytes = try fixture("dynamic")
    #expect(try Gzip.start(of: Array(bytes.prefix(2_000)), count: 100) == Array(lines(3_000).prefix(100)))
    #expect(try Gzip.start(of: try fixture("empty"), count: 100) == [])
    #expect(throws: GzipError.self) { try Gzip.start(of: Array(bytes.prefix(12)), count: 100) }
  }

  @Test(arguments: ["stored", "fixed", "dynamic", "flags", "empty"])
  func everyPrefixIsIncomplete(name: String) throws {
    let bytes = try fixture(name)
    for count in stride(from: 0, to: bytes.count, by: bytes.count < 1_000 ? 1 : 7) {
      #expect(failure(Array(bytes.prefix(count)))?.hasPrefix("the compressed data ends too early") == true)
    }
  }

  @Test(arguments: [
    // Stored length and complement, kind of block, codes without room, codes with room left, a distance too far.
    ([0x01, 5, 0, 0, 0], "a block's length differs from its complement"), ([0x07], "no such kind of block"),
    ([0x05, 0x00, 0x92, 0x24, 0x49, 0x92, 0x24, 0x49, 0x92, 0x24, 0x49, 0x92], "code lengths that are no code"),
    ([0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "no such code"),
    ([0x03 | 0x00, 0x02, 0x00, 0x00, 0x00], "a distance before its beginning"),
  ])
  func damageIsNamed(deflated: [UInt8], message: String) {
    let bytes = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] + deflated + [UInt8](repeating: 0, count: 16)
    #expect(failure(bytes)?.contains(message) == true, "\(failure(bytes) ?? "read")")
  }

  @Test func theTrailerIsCompared() throws {
    var bytes = try fixture("dynamic")
    bytes[bytes.count - 8] ^= 1
    #expect(failure(bytes)?.contains("its checksum differs") == true)
    bytes = try fixture("dynamic")
    bytes[bytes.count - 1] ^= 1
    #expect(failure(bytes)?.contains("its length differs") == true)
  }

  @Test(arguments: ["stored", "fixed", "dynamic", "members", "flags"])
  func noChangedByteTrapsOrPasses(name: String) throws {
    let whole = try fixture(name)
    let expected = try Gzip.decompress(whole, limit: 1 << 20)
    var state: UInt64 = 5
    func next() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33)
    }
    for _ in 0..<2_000 {
      var changed = whole
      for _ in 0..<next() % 3 + 1 { changed[next() % changed.count] = UInt8(next() & 0xff) }
      guard let read = try? Gzip.decompress(changed, limit: 1 << 20) else { continue }
      #expect(read == expected, "only what does not matter may change")
    }
  }
}
