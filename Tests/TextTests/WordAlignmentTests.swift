import Testing

@testable import Text

@Suite struct WordAlignmentTests {
  /// Of each token the characters it covers, and the word it should have.
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let own: [(Range<Int32>, Int32)]
    let other: [(Range<Int32>, Int32)]
    let count: Int
    var testDescription: String { name }
  }

  static let special: Range<Int32> = 0..<0

  @Test(
    "words are what both tokenizations cut alike",
    arguments: [
      Case(
        name: "pieces of other lengths",
        own: [(special, 0), (0..<5, 1), (5..<8, 1), (9..<12, 2), (special, 3)],
        other: [(special, 0), (0..<2, 1), (2..<8, 1), (8..<12, 2), (special, 3)], count: 4),
      Case(
        name: "tokens that cross make one word",
        own: [(special, 0), (0..<4, 1), (4..<9, 1), (special, 2)],
        other: [(special, 0), (0..<3, 1), (3..<6, 1), (6..<9, 1), (special, 2)], count: 3),
      Case(
        name: "what one of them lost to truncation has no word",
        own: [(special, 0), (0..<2, 1), (3..<5, -1), (6..<8, -1), (special, 2)],
        other: [(special, 0), (0..<2, 1), (special, 2)], count: 3),
      Case(
        name: "a pair, with other special tokens between its texts",
        own: [(special, 0), (0..<3, 1), (special, -1), (90..<92, 2), (92..<94, 3), (special, 4)],
        other: [(special, 0), (0..<3, 1), (special, -1), (special, -1), (90..<92, 2), (92..<94, 3), (special, 4)],
        count: 5),
      Case(
        name: "bytes of one character",
        own: [(0..<1, 0), (1..<2, 1)], other: [(0..<1, 0), (1..<2, 1), (1..<2, 1), (1..<2, 1)], count: 2),
      Case(
        name: "nothing in common still has a word", own: [(0..<1, 0)], other: [(5..<6, 0), (6..<7, -1)], count: 1),
    ])
  func aligns(example: Case) {
    let alignment = WordAlignment(own: { _ in example.own.map(\.0) }, other: { _ in example.other.map(\.0) })
    let batch = alignment.batch([0])
    #expect(batch.own == example.own.map(\.1))
    #expect(batch.other == example.other.map(\.1))
    #expect(alignment.count(0) == example.count && batch.starts == [0, example.count])
  }

  @Test("a batch counts the words of its rows end to end")
  func batches() {
    let row: [Range<Int32>] = [0..<0, 0..<1, 0..<0]
    let alignment = WordAlignment(own: { _ in row }, other: { _ in row })
    let batch = alignment.batch([1, 0])
    #expect(batch.own == [0, 1, 2, 3, 4, 5] && batch.starts == [0, 3, 6] && batch.otherStarts == [0, 3, 6])
  }

  /// ModernBERT's tokens have the blanks, BERT's leave them out.
  @Test("a second text is found whatever it or the first begins with")
  func secondTexts() throws {
    var examples = Examples(hasPairs: true)
    examples.append("film".utf8, pair: "    good film".utf8, target: .label(0))
    examples.append("".utf8, pair: "good".utf8, target: .label(0))
    func rows(_ tokenizer: Tokenizer) throws -> TokenizedDataset {
      try TokenizedDataset(examples, tokenizer: tokenizer, maxLength: nil, keepsOffsets: true)
    }
    let (own, other) = (try TokenizerTests.tokenizer("uncased"), try PipelineTests.tokenizer("modernbert"))
    for (own, other) in [(own, other), (other, own)] {
      let words = try #require(try rows(own).aligned(with: rows(other)).batch(0..<2).words)
      // A beginning, an end, and the words film, good and film; then good alone.
      #expect(words.starts == [0, 5, 8])
    }
  }
}
