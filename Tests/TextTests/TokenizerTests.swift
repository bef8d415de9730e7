import JSON
import Testing

@testable import Text

struct TokenizerTests {
  static func tokenizer(_ fixture: String) throws -> Tokenizer {
    try Tokenizer(directory: "\(Fixtures.directory)/\(fixture)")
  }

  @Test(arguments: ["uncased", "cased", "added"])
  func encodesAsTheLibraryDoes(_ fixture: String) throws {
    let tokenizer = try Self.tokenizer(fixture)
    let rows = try Fixtures.rows("encodings.jsonl").filter { $0["directory"]?.string == fixture }
    #expect(rows.count > 150)
    for row in rows {
      let text = try #require(row["text"]?.string)
      func encode() throws -> Encoding {
        try tokenizer.encode(
          text, pair: row["pair"]?.string, maxLength: row["max_length"]?.int,
          truncation: Truncation(rawValue: row["strategy"]?.string ?? "") ?? .longestFirst)
      }
      guard let ids = row["ids"]?.ids else {
        #expect(throws: TokenizerError.self) { try encode() }
        continue
      }
      let encoding = try encode()
      #expect(encoding.ids == ids, "\(text.quoted) \(row["pair"]?.string?.quoted ?? "")")
      #expect(encoding.typeIds == row["type_ids"]?.ids ?? ids.map { _ in 0 })
    }
  }

  @Test func presetsOfTheFileDoNotApply() throws {
    let text = String(repeating: "good ", count: 40)
    let encoding = try Self.tokenizer("uncased").encode(text)
    #expect(encoding.ids.count == 42)
    #expect(!encoding.isTruncated)
    #expect(try Self.tokenizer("uncased").encode(text, maxLength: 16).isTruncated)
  }

  @Test func nothingButSpecialTokensOfAnEmptyText() throws {
    let tokenizer = try Self.tokenizer("uncased")
    #expect(try tokenizer.encode("").ids == [tokenizer.definition.clsId, tokenizer.definition.sepId])
    #expect(try tokenizer.encode("", pair: "").typeIds == [0, 0, 1])
  }

  @Test func namesItsTokens() throws {
    let tokenizer = try Self.tokenizer("added")
    let encoding = try tokenizer.encode("playing<ent>")
    #expect(encoding.ids.map { tokenizer.token(of: $0) } == ["[CLS]", "play", "##ing", "<ent>", "[SEP]"])
    #expect(tokenizer.token(of: -1) == nil)
    #expect(tokenizer.token(of: Int32(tokenizer.vocabularySize)) == nil)
    #expect(tokenizer.token(of: Int32(tokenizer.vocabularySize - 1)) != nil)
    #expect(tokenizer.padId == 0)
  }

  @Test(arguments: [(nil, 1, 2), ("b", 2, 3)])
  func refusesLessThanTheSpecialTokens(pair: String?, maxLength: Int, least: Int) throws {
    let tokenizer = try Self.tokenizer("uncased")
    let error = #expect(throws: TokenizerError.self) { try tokenizer.encode("a", pair: pair, maxLength: maxLength) }
    #expect("\(error!)" == "maxLength: expected at least \(least), the number of special tokens, found \(maxLength)")
    #expect(try tokenizer.encode("a", pair: pair, maxLength: least).ids.count == least)
  }

  @Test func truncatesFromTheLeftIfTheFileSaysSo() throws {
    let directory = try TemporaryDirectory()
    try directory.copy("uncased", "vocab.txt")
    try directory.write("tokenizer_config.json", #"{"truncation_side": "left"}"#)
    let tokenizer = try Tokenizer(directory: directory.path)
    let encoding = try tokenizer.encode("a b c d", maxLength: 4)
    #expect(encoding.ids.map { tokenizer.token(of: $0) } == ["[CLS]", "c", "d", "[SEP]"])
  }

  @Test func aWordOfManyPiecesIsUnknownAsAWhole() throws {
    let tokenizer = try Self.tokenizer("uncased")
    let unknown = try tokenizer.encode("plays\u{4E00}ing play\u{1F999}").ids
    #expect(unknown.count { $0 == tokenizer.unknownId } == 2)
  }
}
