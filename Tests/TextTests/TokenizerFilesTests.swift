import FoundationEssentials
import JSON
import Testing

@testable import Text

/// Reading and writing a tokenizer's directory.
struct TokenizerFilesTests {
  private static let texts = [
    "The unhappy café, New York!", "İstanbul 中国 a<ent>b [MASK]", "playing\u{0}games love", "",
  ]

  @Test(arguments: ["uncased", "cased", "added"])
  func aSavedTokenizerIsTheSame(_ fixture: String) throws {
    let original = try TokenizerTests.tokenizer(fixture)
    let directory = try TemporaryDirectory()
    try original.write(to: directory.path)
    for name in try FileManager.default.contentsOfDirectory(atPath: "\(Fixtures.directory)/\(fixture)")
    where name != "tokenizer_config.json" {
      let saved = try RegularFile.contents("\(directory.path)/\(name)")
      #expect(try saved == RegularFile.contents("\(Fixtures.directory)/\(fixture)/\(name)"), "\(name)")
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
    #expect(names == ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"])
    let saved = try Tokenizer(directory: directory.path)
    for text in Self.texts {
      #expect(try saved.encode(text, pair: "b") == original.encode(text, pair: "b"))
    }
    // vocab.txt alone is as good, but for tokens added to tokenizer.json.
    if fixture != "added" {
      try FileManager.default.removeItem(atPath: "\(directory.path)/tokenizer.json")
      let vocabulary = try Tokenizer(directory: directory.path)
      for text in Self.texts { #expect(try vocabulary.encode(text) == original.encode(text)) }
    }
  }

  @Test func unknownSettingsAreKept() throws {
    let directory = try TemporaryDirectory()
    try TokenizerTests.tokenizer("uncased").write(to: directory.path)
    #expect(try JSON(contentsOf: "\(directory.path)/tokenizer_config.json")["note"] == 1)
  }

  @Test func whatBertTokenizerCannotSayIsLeftToTokenizerJSON() throws {
    let directory = try TemporaryDirectory()
    try directory.write(
      "tokenizer.json", Self.tokenizerJSON { $0.replacing(#""clean_text":true"#, with: #""clean_text":false"#) })
    try Tokenizer(directory: directory.path).write(to: directory.path)
    let settings = try JSON(contentsOf: "\(directory.path)/tokenizer_config.json")
    #expect(settings["tokenizer_class"] == "PreTrainedTokenizerFast")
  }

  @Test func readsFilesWithoutModelType() throws {
    let directory = try TemporaryDirectory()
    try directory.write(
      "tokenizer.json", Self.tokenizerJSON { $0.replacing(#""model":{"type":"WordPiece","#, with: #""model":{"#) })
    #expect(try Tokenizer(directory: directory.path).encode("good").ids.count == 3)
  }

  private static func tokenizerJSON(_ edit: (String) -> String = { $0 }) throws -> String {
    let text = String(decoding: try RegularFile.contents("\(Fixtures.directory)/uncased/tokenizer.json"), as: UTF8.self)
    let edited = edit(text)
    return edited
  }

  /// What is written beside or instead of the fixture's files, and the end of the error's message.
  struct Fault: CustomTestStringConvertible, Sendable {
    let name: String
    var files: [String] = []
    var written: [(String, String)] = []
    var edit: (from: String, to: String)?
    let message: String
    var testDescription: String { name }
  }

  static let faults = [
    Fault(
      name: "nothing there",
      message: ": expected tokenizer.json, vocab.txt or vocab.json, found none; name a model directory"),
    Fault(
      name: "not JSON", written: [("tokenizer.json", "{")],
      message:
        "/tokenizer.json: line 1, column 2: expected a key in quotes, found the end of the text"),
    Fault(
      name: "model", edit: (#""model":{"type":"WordPiece""#, #""model":{"type":"WordLevel""#),
      message: "/tokenizer.json: model: expected WordPiece or BPE or Unigram, "
        + #"found string "WordLevel", which is not supported"#),
    Fault(
      name: "normalizer", edit: ("BertNormalizer", "ByteLevel"),
      message: "/tokenizer.json: normalizer: expected Sequence or NFD or NFKD or NFC or NFKC or Lowercase or Strip or "
        + "StripAccents or Replace or Prepend or Nmt or Precompiled or BertNormalizer, "
        + #"found string "ByteLevel", which is not supported"#),
    Fault(
      name: "pre-tokenizer", edit: ("BertPreTokenizer", "UnicodeScripts"),
      message: "/tokenizer.json: pre_tokenizer: expected Sequence or BertPreTokenizer or ByteLevel or Whitespace or "
        + "WhitespaceSplit or Metaspace or Punctuation or Digits or Split, "
        + #"found string "UnicodeScripts", which is not supported"#),
    Fault(
      name: "post-processor", edit: ("TemplateProcessing", "Template"),
      message: "/tokenizer.json: post_processor: expected TemplateProcessing or BertProcessing or RobertaProcessing or "
        + #"ByteLevel or Sequence, found string "Template", which is not supported"#),
    Fault(
      name: "vocabularies", files: ["tokenizer.json"],
      written: [("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n?\n")],
      message:
        #"/tokenizer.json: contradicts vocab.txt beside it: id 5 is "!" in tokenizer.json and "?" in vocab.txt; "#
        + "remove the one that is wrong"),
    Fault(
      name: "lower case", files: ["tokenizer.json"], written: [("tokenizer_config.json", #"{"do_lower_case": false}"#)],
      message: "/tokenizer_config.json: do_lower_case: expected true, the normalizer's lowercase in tokenizer.json "
        + "beside it, found false; correct the one that is wrong"),
    Fault(
      name: "class token", files: ["tokenizer.json"],
      written: [("special_tokens_map.json", #"{"cls_token": "[SEP]"}"#)],
      message:
        #"/special_tokens_map.json: cls_token: expected "[CLS]" as in tokenizer.json beside it, found "[SEP]""#),
    Fault(
      name: "unknown token", written: [("vocab.txt", "[CLS]\n[SEP]\n")],
      message: #"/vocab.txt: vocabulary: lacks the unknown token "[UNK]""#),
    Fault(
      name: "separator", written: [("vocab.txt", "[CLS]\n[UNK]\n")],
      message: #"/vocab.txt: lacks "[SEP]", the sep_token"#),
    Fault(
      name: "id", edit: (#""[PAD]":0"#, #""[PAD]":-1"#),
      message: #"/tokenizer.json: model.vocab: "[PAD]": expected an id from 0 to 4194304, found integer -1"#),
    Fault(
      name: "added id", edit: (#"{"id":4,"content":"[MASK]""#, #"{"id":9,"content":"[MASK]""#),
      message: #"/tokenizer.json: added_tokens[4].id: expected 4 for "[MASK]", found 9"#),
    Fault(
      name: "control characters in a key", files: ["vocab.txt"],
      written: [("tokenizer_config.json", #"{"added_tokens_decoder": {"0\u001b[2J": {}}}"#)],
      message: #"/tokenizer_config.json: added_tokens_decoder.0\u{1b}[2J: expected a number for a key, found an object"#
    ),
    Fault(
      name: "control characters in a special token's name",
      edit: (#""SpecialToken":{"id":"[SEP]""#, #""SpecialToken":{"id":"\u009b2J""#),
      message: #"/tokenizer.json: post_processor.special_tokens.\u{9b}2J: expected the ids of this special token, "#
        + "found nothing"),
    Fault(
      name: "class", files: ["vocab.txt"],
      written: [("tokenizer_config.json", #"{"tokenizer_class": "T5Tokenizer"}"#)],
      message: "/tokenizer_config.json: tokenizer_class: expected BertTokenizer or one like it beside a vocab.txt, "
        + #"found string "T5Tokenizer"; use a model with such a tokenizer"#),
    Fault(
      name: "template", edit: (#""ids":[3]"#, #""ids":[3000]"#),
      message: "/tokenizer.json: post_processor: expected ids of tokens, found 3000"),
  ]

  @Test(arguments: faults)
  func namesWhatIsWrong(_ fault: Fault) throws {
    let directory = try TemporaryDirectory()
    for name in fault.files { try directory.copy("uncased", name) }
    for (name, contents) in fault.written { try directory.write(name, contents) }
    if let edit = fault.edit {
      try directory.write("tokenizer.json", Self.tokenizerJSON { $0.replacing(edit.from, with: edit.to) })
    }
    let error = try #require(throws: TokenizerError.self) { try Tokenizer(directory: directory.path) }
    #expect("\(error)" == directory.path + fault.message)
  }

  @Test func vocabulariesAreUTF8() throws {
    let directory = try TemporaryDirectory()
    try directory.write("vocab.txt", Array("[UNK]\n".utf8) + [0xE9])
    let error = try #require(throws: TokenizerError.self) { try Tokenizer(directory: directory.path) }
    #expect("\(error)" == "\(directory.path)/vocab.txt: expected UTF-8, found byte 233 at offset 6")
  }
}
