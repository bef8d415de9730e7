import JSON
import Testing

@testable import Text

/// Tokenizers of many kinds against the `tokenizers` library: what `Tests/Goldens/make_pipeline_fixtures.py` wrote.
struct PipelineTests {
  static let directory = "\(Fixtures.directory)/pipelines"
  static let names = [
    "albert", "bert", "camembert", "continuing", "deberta-v3", "gpt2-split", "llama-fallback", "llama3", "modernbert",
    "mpnet", "nmt-fallback", "openai-gpt", "roberta", "roberta-prefixed", "xlm-roberta",
  ]

  static func tokenizer(_ name: String) throws -> Tokenizer {
    let directory = try TemporaryDirectory()
    try directory.write("tokenizer.json", RegularFile.contents("\(Self.directory)/\(name).json"))
    return try Tokenizer(directory: directory.path)
  }

  private static func check(_ tokenizer: Tokenizer, _ name: String) throws -> Int {
    let rows = try Fixtures.rows("encodings.jsonl", in: Self.directory).filter { $0["name"] == .string(name) }
    var work = Tokenizer.Workspace()
    for row in rows {
      let text = row["text"]?.string ?? ""
      let encoding = try tokenizer.encode(
        text, pair: row["pair"]?.string, maxLength: row["max_length"]?.int, truncation: .longestFirst, offsets: true,
        &work)
      #expect(encoding.ids == row["ids"]?.ids, "\(text.quoted)")
      let offsets = row["offsets"]?.array?.compactMap(\.ids)
      #expect(encoding.offsets.map { [$0.lowerBound, $0.upperBound] } == offsets, "\(text.quoted)")
      if let types = row["type_ids"] { #expect(encoding.typeIds == types.ids) }
      // Without offsets there may be another way to the same tokens.
      let bare = try tokenizer.encode(text, pair: row["pair"]?.string, maxLength: row["max_length"]?.int)
      #expect(bare.ids == encoding.ids && bare.typeIds == encoding.typeIds && bare.offsets.isEmpty)
    }
    return rows.count
  }

  @Test(arguments: names)
  func tokensAndOffsetsAreTheLibrarys(_ name: String) throws {
    #expect(try Self.check(try Self.tokenizer(name), name) > 30)
  }

  /// Every component writes what it read.
  @Test(arguments: names)
  func whatIsWrittenAnewIsTheSame(_ name: String) throws {
    let tokenizer = try Self.tokenizer(name)
    let directory = try TemporaryDirectory()
    try directory.write("tokenizer.json", tokenizer.tokenizerJSON.bytes())
    let again = try Tokenizer(directory: directory.path)
    #expect(again.tokenizerJSON == tokenizer.tokenizerJSON)
    #expect(try Self.check(again, name) > 30)
    let file = try JSON(contentsOf: "\(Self.directory)/\(name).json")
    for key in ["pre_tokenizer", "added_tokens"] {
      #expect(tokenizer.tokenizerJSON[key] == file[key] ?? .null, "\(key)")
    }
  }

  /// Every character that some step changes, through every normal form and every cut.
  @Test func allCharactersAreTheLibrarys() throws {
    let rows = try Fixtures.rows("characters.jsonl", in: Self.directory)
    #expect(rows.count == 13)
    let ranges: [Range<UInt32>] = [0..<0xD800, 0xE000..<0x20000, 0x2F800..<0x2FA20, 0xE0000..<0xE0200]
    let scalars = Array(ranges.joined())
    let blocks = stride(from: 0, to: scalars.count, by: 0x1000).map { scalars[$0..<min($0 + 0x1000, scalars.count)] }
    for row in rows {
      let step = row["step"]?.string ?? ""
      let expected = row["sums"]?.array?.compactMap(\.int) ?? []
      let field = JSONField(file: step, value: row["json"] ?? ["type": .string(step)])
      if row["json"] == nil {
        let normalizer = try #require(try Normalizer(field))
        #expect(blocks.map { Self.sum(normalizer, $0) } == expected, "\(step)")
      } else {
        let preTokenizer = try #require(try PreTokenizer(field))
        #expect(blocks.map { Self.sum(preTokenizer, $0) } == expected, "\(step)")
      }
    }
  }

  private static func sum(_ normalizer: Normalizer, _ scalars: ArraySlice<UInt32>) -> Int {
    var bytes: [UInt8] = []
    for scalar in scalars {
      for part in [0x61, scalar, 0x301] { UTF8Text.append(part, to: &bytes) }
    }
    var text = NormalizedText(bytes[...], tracksOrigins: false)
    normalizer.normalize(&text)
    return Int(text.bytes.reduce(UInt32(0)) { $0 &* 31 &+ UInt32($1) })
  }

  private static func sum(_ preTokenizer: PreTokenizer, _ scalars: ArraySlice<UInt32>) -> Int {
    var bytes: [UInt8] = []
    for (place, scalar) in scalars.enumerated() {
      if place > 0 { bytes.append(UInt8(ascii: "_")) }
      UTF8Text.append(scalar, to: &bytes)
    }
    let text = NormalizedText(bytes[...], tracksOrigins: true)
    var pieces = TextPieces(tracksOrigins: true)
    pieces.append(text, 0..<bytes.count)
    preTokenizer.split(&pieces)
    let spans = CharacterSpans(bytes[...])
    return Int(
      pieces.pieces.reduce(UInt32(0)) { sum, piece in
        let span = spans.span(pieces.text.origin(of: piece.range))
        return sum &* 31 &+ UInt32(span.lowerBound) &* 7 &+ UInt32(span.upperBound)
      })
  }
}
