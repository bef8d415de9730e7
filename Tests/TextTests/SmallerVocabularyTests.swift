import FoundationEssentials
import JSON
import Testing

@testable import Text

/// Tokenizers that keep a part of their tokens, against the `tokenizers` library: what
/// `Tests/Goldens/make_smaller_vocabulary.py` wrote.
struct SmallerVocabularyTests {
  private static func original(_ file: String) throws -> Tokenizer {
    let directory = try TemporaryDirectory()
    try directory.write("tokenizer.json", RegularFile.contents("\(Fixtures.directory)/\(file)"))
    return try Tokenizer(directory: directory.path)
  }

  @Test(arguments: 0..<8)
  func tokensAreTheLibrarys(_ index: Int) throws {
    let row = try Fixtures.rows("smaller.jsonl")[index]
    let file = try #require(row["file"]?.string)
    let original = try Self.original(file)
    #expect(try original.indispensable() == row["indispensable"]?.ids, "\(file)")
    let kept = try #require(row["kept"]?.ids)
    let smaller = try original.keeping(kept)
    #expect(smaller.vocabularySize == kept.count)
    #expect(kept.indices.allSatisfy { smaller.token(of: Int32($0)) == original.token(of: kept[$0]) })
    #expect(!smaller.hasSameVocabulary(as: original))

    // What is saved of it is the same tokenizer.
    let directory = try TemporaryDirectory()
    try smaller.write(to: directory.path)
    let saved = try Tokenizer(directory: directory.path)
    #expect(saved.hasSameVocabulary(as: smaller))
    let texts = (row["texts"]?.array ?? []).compactMap(\.string)
    let ids = (row["ids"]?.array ?? []).compactMap(\.ids)
    #expect(texts.count >= 100 && texts.count == ids.count)
    for (text, ids) in zip(texts, ids) {
      #expect(try smaller.encode(text).ids == ids, "\(file): \(text.quoted)")
      #expect(try saved.encode(text).ids == ids, "\(file): \(text.quoted)")
    }
    let pairs = (row["pairs"]?.array ?? []).compactMap(\.ids)
    for (place, ids) in zip(stride(from: 0, to: texts.count, by: 10), pairs) {
      #expect(try saved.encode(texts[place], pair: texts[texts.count - 1 - place]).ids == ids)
    }
  }

  @Test func idsInTheSettingsMoveToo() throws {
    let directory = try TemporaryDirectory()
    let listed = ##"{"0":{"content":"[PAD]"},"2":{"content":"[UNK]"},"3":{"content":"[CLS]"},"5":{"content":"[SEP]"}}"##
    try directory.write("vocab.txt", "[PAD]\nrare\n[UNK]\n[CLS]\na\n[SEP]\nb\nab\n##b\n##bc\n")
    try directory.write("tokenizer_config.json", #"{"added_tokens_decoder":\#(listed),"note":1}"#)
    let original = try Tokenizer(directory: directory.path)
    #expect(try original.indispensable() == [0, 2, 3, 4, 5, 6, 8])
    let smaller = try original.keeping([0, 2, 3, 4, 5, 6, 7, 8])
    #expect(try original.encode("rare ab abbc").ids == [3, 1, 7, 7, 9, 5])
    #expect(try smaller.encode("rare ab abb").ids == [2, 1, 6, 6, 7, 4])
    let saved = try TemporaryDirectory()
    try smaller.write(to: saved.path)
    let settings = try JSON(contentsOf: "\(saved.path)/tokenizer_config.json")
    #expect(settings["added_tokens_decoder"]?.object?.keys == ["0", "1", "2", "4"])
    #expect(settings["note"] == 1)
    #expect(try Tokenizer(directory: saved.path).encode("ab").ids == [2, 6, 4])
    #expect(throws: TokenizerError.self) { try original.keeping([0, 1, 2, 3, 4]) }
  }

  @Test func bytePairsAreRefused() throws {
    let tokenizer = try PipelineTests.tokenizer("roberta")
    let error = try #require(throws: TokenizerError.self) { try tokenizer.indispensable() }
    #expect("\(error)".contains("expected a WordPiece or Unigram vocabulary, which can be made smaller, found BPE"))
  }
}
