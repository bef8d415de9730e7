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

  @Test func decomposesHangulByArithmetic() {
    let classes = CharacterClasses.shared
    #expect(classes.decomposition(0xAC00) == [0x1100, 0x1161])
    #expect(classes.decomposition(0xD55C) == [0x1112, 0x1161, 0x11AB])
    #expect(classes.decomposition(0xD7A3) == [0x1112, 0x1175, 0x11C2])
  }
}
