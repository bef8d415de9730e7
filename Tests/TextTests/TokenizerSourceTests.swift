import JSON
import Testing

@testable import Text

/// Which files decide what a tokenizer is.
struct TokenizerSourceTests {
  private static func directory(_ files: (String, String)...) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    for (name, contents) in files { try directory.write(name, contents) }
    return directory
  }

  private static func pipeline(_ name: String) throws -> String {
    String(decoding: try RegularFile.contents("\(PipelineTests.directory)/\(name).json"), as: UTF8.self)
  }

  private static let words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n"

  private static func message(_ directory: TemporaryDirectory) throws -> String {
    let error = try #require(throws: TokenizerError.self) { try Tokenizer(directory: directory.path) }
    return "\(error)".replacing(directory.path, with: "D")
  }

  /// transformers asks the model's configuration where the tokenizer's names no class.
  @Test func aClassInTheModelsConfigurationCounts() throws {
    let japanese = #"{"model_type": "bert", "tokenizer_class": "BertJapaneseTokenizer"}"#
    #expect(
      try Self.message(Self.directory(("vocab.txt", Self.words), ("config.json", japanese)))
        == "D/config.json: tokenizer_class: expected BertTokenizer or one like it beside a vocab.txt, "
        + #"found string "BertJapaneseTokenizer"; use a model with such a tokenizer"#)
    #expect(
      try Self.message(Self.directory(("tokenizer.json", Self.pipeline("bert")), ("config.json", japanese)))
        == "D/config.json: tokenizer_class: expected BertTokenizer or one like it beside a tokenizer.json, "
        + #"found string "BertJapaneseTokenizer"; use a model with such a tokenizer"#)
    // The tokenizer's own counts first.
    let directory = try Self.directory(
      ("vocab.txt", Self.words), ("config.json", japanese),
      ("tokenizer_config.json", #"{"tokenizer_class": "BertTokenizerFast"}"#))
    #expect(try Tokenizer(directory: directory.path).encode("the").ids == [2, 5, 3])
  }

  @Test func aClassThatMakesOtherTokensIsRefused() throws {
    #expect(
      try Self.message(
        Self.directory(
          ("tokenizer.json", Self.pipeline("xlm-roberta")),
          ("tokenizer_config.json", #"{"tokenizer_class": "RobertaTokenizer"}"#)))
        == "D/tokenizer_config.json: tokenizer_class: expected XLMRobertaTokenizer or one like it beside a "
        + #"tokenizer.json, found string "RobertaTokenizer"; use a model with such a tokenizer"#)
    #expect(
      try Self.message(
        Self.directory(
          ("tokenizer.json", Self.pipeline("roberta-prefixed")), ("config.json", #"{"model_type": "roberta"}"#)))
        == "D/tokenizer_config.json: add_prefix_space: expected true, the pre-tokenizer's in tokenizer.json beside it, "
        + "found nothing; correct the one that is wrong")
  }

  @Test func anEmptyFileOfAddedTokensAddsNone() throws {
    let directory = try Self.directory(("vocab.txt", Self.words), ("added_tokens.json", "{}"))
    #expect(try Tokenizer(directory: directory.path).encode("the").ids == [2, 5, 3])
    try directory.write("added_tokens.json", #"{"x": 6}"#)
    #expect(
      try Self.message(directory).hasPrefix("D/added_tokens.json: is read only by way of tokenizer.json; write it"))
  }

  /// As published models have it; the quick way must be found, too.
  @Test func aSequenceOfOneIsThatOne() throws {
    var file = try JSON.parse(Array(Self.pipeline("bert").utf8))
    file = file.replacing(
      "normalizer", ["type": "Sequence", "normalizers": .array([try #require(file["normalizer"])])])
    file = file.replacing(
      "pre_tokenizer", ["type": "Sequence", "pretokenizers": .array([try #require(file["pre_tokenizer"])])])
    let directory = try TemporaryDirectory()
    try directory.write("tokenizer.json", file.bytes())
    let tokenizer = try Tokenizer(directory: directory.path)
    #expect(tokenizer.definition.bert != nil)
    let text = "The café <ent> İ 中国"
    #expect(try tokenizer.encode(text, offsets: true) == PipelineTests.tokenizer("bert").encode(text, offsets: true))
  }

  /// RoBERTa's own files, without `tokenizer.json`, are what that file says.
  @Test func aVocabularyWithMergesIsRoberta() throws {
    let file = try JSON.parse(Array(Self.pipeline("roberta").utf8))
    let merges = (file["model"]?["merges"]?.array ?? []).map { pair in
      (pair.array ?? []).compactMap(\.string).joined(separator: " ") + "\n"
    }
    let directory = try Self.directory(("merges.txt", "#version: 0.2\n" + merges.joined()))
    try directory.write("vocab.json", #require(file["model"]?["vocab"]).bytes())
    try directory.write(
      "tokenizer_config.json", #"{"mask_token": {"content": "<mask>", "lstrip": true, "normalized": false}}"#)
    let tokenizer = try Tokenizer(directory: directory.path)
    for row in try Fixtures.rows("encodings.jsonl", in: PipelineTests.directory) where row["name"] == "roberta" {
      let encoding = try tokenizer.encode(
        row["text"]?.string ?? "", pair: row["pair"]?.string, maxLength: row["max_length"]?.int, offsets: true)
      #expect(encoding.ids == row["ids"]?.ids)
      #expect(encoding.offsets.map { [$0.lowerBound, $0.upperBound] } == row["offsets"]?.array?.compactMap(\.ids))
    }
    // What is saved is complete and the same.
    let saved = try TemporaryDirectory()
    try tokenizer.write(to: saved.path)
    let again = try Tokenizer(directory: saved.path)
    #expect(try again.encode("a <mask> b", pair: "c") == tokenizer.encode("a <mask> b", pair: "c"))
    #expect(try JSON(contentsOf: "\(saved.path)/tokenizer_config.json")["tokenizer_class"] == "PreTrainedTokenizerFast")
    #expect(
      try JSON(contentsOf: "\(saved.path)/tokenizer_config.json")["model_input_names"]
        == ["input_ids", "attention_mask"])
  }

  @Test(arguments: ["sentencepiece.bpe.model", "spm.model", "spiece.model"])
  func sentencePieceIsConvertedFirst(_ name: String) throws {
    #expect(
      try Self.message(Self.directory((name, "\n")))
        == "D/\(name): is read only by way of tokenizer.json; write it with python3 -c \"from transformers import "
        + "AutoTokenizer; AutoTokenizer.from_pretrained('D').save_pretrained('D')\"")
  }

  @Test func segmentsAreCountedInTemplates() throws {
    let bert = try PipelineTests.tokenizer("bert")
    #expect(bert.segments(isPair: false) == 1 && bert.segments(isPair: true) == 2)
    let roberta = try PipelineTests.tokenizer("roberta")
    #expect(roberta.segments(isPair: false) == 1 && roberta.segments(isPair: true) == 1)
  }

  // MARK: What is refused

  static let refused: [(String, String, String)] = [
    ("\\b", "Regex", #""\b": \b at character 2 is not supported"#),
    ("a+?", "Regex", #"a lazy or possessive quantifier at character 2 is not supported"#),
    ("(ab)+", "Regex", "a quantifier of a group at character 4 is not supported"),
    ("(?<=a)b", "Regex", "this group at character 1 is not supported"),
    ("(?=ab)c", "Regex", "lookahead at more than one character at character 4 is not supported"),
    ("a*", "Regex", "expected an expression that cannot match nothing"),
    ("\\p{Lu}", "Regex", "a property other than \\p{L} and \\p{N} at character 2 is not supported"),
    (".", "Regex", #"".": "." at character 0 is not supported"#),
    ("[a", "Regex", "a set without end at character 2 is not supported"),
    (String(repeating: "a{0,200}", count: 9) + "b", "Regex", "so many choices"),
    (String(repeating: "a|", count: 200) + "b", "Regex", "so many choices"),
    ("", "String", "expected a string that is not empty"),
  ]

  @Test(arguments: refused)
  func namesTheConstruct(_ pattern: String, _ kind: String, _ message: String) throws {
    let split: JSON = [
      "type": "Split", "pattern": kind == "Regex" ? ["Regex": .string(pattern)] : ["String": .string(pattern)],
      "behavior": "Isolated", "invert": false,
    ]
    let error = try #require(throws: TokenizerError.self) {
      try PreTokenizer(JSONField(file: "tokenizer.json", value: split))
    }
    #expect("\(error)".contains(message), "\(error)")
  }

  /// Expressions that take others quadratic or exponential time.
  @Test(arguments: ["\\s+(?!\\S)|\\s+", "a*b", "\\s*[\\r\\n]+", "a*a*a*a*b", "(a|a)?(a|a)?(a|a)?a+b"])
  func hostileExpressionsTakeLinearTime(_ pattern: String) throws {
    let expression = try RegularExpression(pattern)
    for unit in ["a", " ", "a ", "\u{2003}"] {
      let text = Array(String(repeating: unit, count: 20_000).utf8)
      #expect(expression.matches(in: text[...]).allSatisfy { !$0.isEmpty })
    }
  }

  @Test func givesBackAsMuchAsItMust() throws {
    func matches(_ pattern: String, _ text: String) throws -> [Range<Int>] {
      try RegularExpression(pattern).matches(in: Array(text.utf8)[...])
    }
    #expect(try matches("a+ab", "aaab aab ab") == [0..<4, 5..<8])
    #expect(try matches("a{2,3}a", "aaaaa") == [0..<4])
    #expect(try matches("\\s+(?!\\S)|\\s+", "a   b ") == [1..<3, 3..<4, 5..<6])
    #expect(try matches("(?i:'s|'ll)x?", "'S'Llx'ſ") == [0..<2, 2..<6, 6..<9])
    #expect(try matches("[^a-c]+|b", "xabxé") == [0..<1, 2..<3, 3..<6])
  }
}

extension JSON {
  fileprivate func replacing(_ key: String, _ value: JSON) -> JSON {
    guard var object else { return self }
    object[key] = value
    return .object(object)
  }
}
