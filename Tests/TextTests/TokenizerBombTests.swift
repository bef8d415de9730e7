import FoundationEssentials
import Glibc
import Testing

@testable import Text

/// Files of tokenizers that ask for much memory or time by a few bytes, each refused or read at once.
struct TokenizerBombTests {
  private static func json(
    added: String = "", vocabulary: String = "", model: String = "",
    processor: String = #"{"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]}"#
  ) -> String {
    #"{"added_tokens":[\#(added)],"normalizer":{"type":"BertNormalizer"},"#
      + #""pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":\#(processor),"#
      + #""model":{"type":"WordPiece"\#(model),"vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2\#(vocabulary)}}}"#
  }

  private static func elements(_ count: Int, _ element: (Int) -> String) -> String {
    (0..<count).map(element).joined(separator: ",")
  }

  private func tokenizer(_ files: (String, String)...) throws -> Tokenizer {
    let directory = try TemporaryDirectory()
    for (name, contents) in files { try directory.write(name, contents) }
    return try Tokenizer(directory: directory.path)
  }

  struct Bomb: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let words: String
    var name = "tokenizer.json"
    let contents: @Sendable () -> String
  }

  private static let refused = [
    Bomb(
      testDescription: "an id far beyond the others", words: "expected ids from 0 on, found 4194304 as the last of 4"
    ) {
      json(vocabulary: #","a":4194304"#)
    },
    Bomb(testDescription: "a token of a megabyte", words: "token 3: expected at most 512 bytes, found 1048576") {
      json(vocabulary: #",""# + String(repeating: "a", count: 1 << 20) + #"":3"#)
    },
    Bomb(testDescription: "an added token of a megabyte", words: "added_tokens[0].content: expected at most 512 bytes")
    {
      json(added: #"{"id":3,"content":""# + String(repeating: "a", count: 1 << 20) + #""}"#)
    },
    Bomb(testDescription: "added tokens without end", words: "added_tokens: expected at most 10000 elements") {
      json(added: elements(10_001) { "{\"id\":\($0 + 3),\"content\":\"t\($0)\"}" })
    },
    Bomb(testDescription: "a template of many parts", words: "post_processor.single: expected at most 64 elements") {
      json(
        processor: #"{"type":"TemplateProcessing","special_tokens":{"x":{"ids":[1]}},"single":["#
          + elements(65) { _ in #"{"SpecialToken":{"id":"x"}}"# } + #"],"pair":[]}"#)
    },
    Bomb(testDescription: "a special token of many ids", words: "special_tokens.x.ids: expected at most 64 elements") {
      json(
        processor: #"{"type":"TemplateProcessing","special_tokens":{"x":{"ids":["# + elements(65) { _ in "1" }
          + #"]}},"single":[{"SpecialToken":{"id":"x"}},{"Sequence":{"id":"A"}}],"pair":[]}"#)
    },
    Bomb(testDescription: "lines without end", words: "lines, found 4000004", name: "vocab.txt") {
      "[UNK]\n[CLS]\n[SEP]\n[PAD]\n" + String(repeating: "\n", count: 4_000_000)
    },
    Bomb(
      testDescription: "additional special tokens without end", words: "additional_special_tokens: expected at most",
      name: "tokenizer_config.json"
    ) { #"{"additional_special_tokens":["# + elements(10_001) { "\"t\($0)\"" } + "]}" },
    Bomb(
      testDescription: "listed tokens without end", words: "expected at most 10000 added tokens",
      name: "tokenizer_config.json"
    ) { #"{"added_tokens_decoder":{"# + elements(10_001) { "\"\($0 + 3)\":{\"content\":\"t\($0)\"}" } + "}}" },
  ]

  @Test(.timeLimit(.minutes(1)), arguments: refused)
  func isRefused(_ bomb: Bomb) throws {
    let error = try #require(throws: TokenizerError.self) {
      // A bomb that is a vocabulary takes the place of this one.
      let isSetting = bomb.name == "tokenizer_config.json"
      return try tokenizer(
        (isSetting ? "vocab.txt" : bomb.name, "[UNK]\n[CLS]\n[SEP]\n"), (bomb.name, bomb.contents()))
    }
    #expect("\(error)".contains(bomb.words), "\(String("\(error)".prefix(500)))")
  }

  /// Of this thread's processor time: other tests run beside it.
  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    func now() -> Double {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
    let start = now()
    try body()
    return now() - start
  }

  /// Numbering each counted the vocabulary, and looked at all before.
  @Test func manyAddedTokensAreNumberedQuickly() throws {
    let text = Self.json(
      added: Self.elements(10_000) { "{\"id\":\($0 + 100_000),\"content\":\"t\($0)\"}" },
      vocabulary: "," + Self.elements(99_997) { "\"v\($0)\":\($0 + 3)" })
    var made: Tokenizer?
    #expect(try seconds { made = try self.tokenizer(("tokenizer.json", text)) } < 5)
    let tokenizer = try #require(made)
    #expect(try tokenizer.encode("t9999").ids == [1, 109_999, 2])
    #expect(tokenizer.token(of: 109_999) == "t9999" && tokenizer.token(of: 99_999) == "v99996")
  }

  /// Each of a million tokens looked at all the whitespace around it.
  @Test(arguments: [(true, false), (false, true), (true, true)])
  func whitespaceIsTakenAlongOnce(left: Bool, right: Bool) throws {
    let tokenizer = try self.tokenizer(
      ("tokenizer.json", Self.json(added: #"{"id":3,"content":"\n","lstrip":\#(left),"rstrip":\#(right)}"#)))
    let text = String(repeating: "\n", count: 200_000)
    var ids: [Int32] = []
    #expect(try seconds { ids = try tokenizer.encode(text).ids } < 5)
    #expect(ids == [1] + [Int32](repeating: 3, count: 200_000) + [2])
  }

  /// A token that almost matches, from everywhere.
  @Test(arguments: ["word", "added"])
  func nearMissesAreBounded(_ kind: String) throws {
    let almost = String(repeating: "a", count: 400) + "b"
    let text =
      kind == "word"
      ? Self.json(vocabulary: ###","a":3,"##a":4,"##\###(almost)":5"###, model: #","max_input_chars_per_word":1000000"#)
      : Self.json(added: #"{"id":3,"content":"\#(almost)"}"#)
    let tokenizer = try self.tokenizer(("tokenizer.json", text))
    let row = String(repeating: "a", count: 1 << 20)
    #expect(try seconds { _ = try tokenizer.encode(row) } < 20)
  }
}
