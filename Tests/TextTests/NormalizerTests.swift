import JSON
import Testing

@testable import Text

struct NormalizerTests {
  @Test(arguments: Fixtures.normalizers.keys.sorted())
  func normalizesAsTheLibraryDoes(_ variant: String) throws {
    let normalizer = try #require(Fixtures.normalizers[variant])
    let rows = try Fixtures.rows("normalized.jsonl")
    #expect(rows.count > 100)
    for row in rows {
      let text = try #require(row["text"]?.string)
      let results = row["results"]?.array ?? []
      let result = try #require(results.first { $0["variants"]?.array?.contains(.string(variant)) ?? false })
      var output: [UInt8] = []
      normalizer.normalize(Array(text.utf8)[...], into: &output)
      #expect(output == result["normalized"]?.string.map { Array($0.utf8) }, "\(text.quoted)")
    }
  }

  @Test("every code point becomes what the library makes of it", arguments: ["uncased", "cased"])
  func codePoints(_ variant: String) throws {
    let normalizer = try #require(Fixtures.normalizers[variant])
    let hashes = try #require(
      try JSON.parse(RegularFile.contents("\(Fixtures.directory)/code_points.json"))[variant]?.array?.compactMap(
        \.string))
    let planes: [UInt32] = [0, 1, 2, 3, 14]
    let size: UInt32 = 1024
    let blocks = planes.flatMap { stride(from: $0 << 16, to: ($0 + 1) << 16, by: Int(size)) }
    try #require(hashes.count == blocks.count)
    for (start, hash) in zip(blocks, hashes) {
      var text: [UInt8] = []
      for scalar in (start..<start + size).lazy.compactMap(Unicode.Scalar.init) {
        text.append(UInt8(ascii: "a"))
        text += UTF8.encode(scalar)!
        text.append(UInt8(ascii: "b"))
      }
      var output: [UInt8] = []
      normalizer.normalize(text[...], into: &output)
      var value: UInt64 = 0xCBF2_9CE4_8422_2325
      for byte in output { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
      let digits = String(value, radix: 16)
      #expect(
        String(repeating: "0", count: 16 - digits.count) + digits == hash,
        "U+\(String(start, radix: 16)) and those behind it"
      )
    }
  }

  @Test func decomposesHangulByArithmetic() {
    let classes = CharacterClasses.shared
    #expect(classes.decomposition(0xAC00) == [0x1100, 0x1161])
    #expect(classes.decomposition(0xD55C) == [0x1112, 0x1161, 0x11AB])
    #expect(classes.decomposition(0xD7A3) == [0x1112, 0x1175, 0x11C2])
  }
}
