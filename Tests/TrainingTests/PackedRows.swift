import Foundation
import GoldenFixtures
import JSON
import Testing
import Text

/// Batches of token ids as a dataset: token i is the word `wi`, and the tokens of either segment are one text of a pair.
struct PackedRows {
  let dataset: TokenizedDataset
  /// The rows of each batch.
  let batches: [ArraySlice<Int>]

  /// - Parameters:
  ///   - scores: of each row, in place of its class, or none.
  ///   - groups: of each row.
  init(_ json: [JSON], scores: [Double?]? = nil, groups: [Int]? = nil) throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "steps-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var rows = ""
    var batches: [ArraySlice<Int>] = []
    var count = 0
    for batch in try json.map(GoldenFixtures.batch) {
      for sentence in 0..<batch.sentences {
        let range = batch.starts[sentence]..<batch.starts[sentence + 1]
        func text(_ type: Int32) -> String {
          range.filter { batch.types[$0] == type }.map { "w\(batch.tokens[$0])" }.joined(separator: " ")
        }
        let row = count + sentence
        let label = scores.map { $0[row].map { "\($0)" } ?? "null" } ?? "\(batch.labels[sentence])"
        rows +=
          #"{"text": "\#(text(0))", "pair": "\#(text(1))", "label": \#(label), "group": "\#(groups?[row] ?? 0)"}"#
          + "\n"
      }
      batches.append(Array(0..<count + batch.sentences)[count...])
      count += batch.sentences
    }
    self.batches = batches
    try rows.write(toFile: "\(directory)/rows.jsonl", atomically: false, encoding: .utf8)
    try Self.tokenizer.write(toFile: "\(directory)/tokenizer.json", atomically: false, encoding: .utf8)
    var source = DatasetSource(format: .jsonl, path: "\(directory)/rows.jsonl")
    source.pairColumn = .name("pair")
    source.missingLabels = .unlabelled
    if groups != nil { source.groupColumn = .name("group") }
    let targets: Targets = scores == nil ? .classes(["negative", "neutral", "positive"]) : .numbers(["score"])
    dataset = try TokenizedDataset(
      source.read(targets), tokenizer: Tokenizer(directory: directory), maxLength: nil)
    let tokens = try json.reduce(0) { try $0 + $1["tokens"].elements.count }
    try #require((0..<dataset.count).reduce(0) { $0 + dataset.length($1) } == tokens)
  }

  private static var tokenizer: String {
    """
    {
      "added_tokens": [],
      "normalizer": {"type": "BertNormalizer"},
      "pre_tokenizer": {"type": "BertPreTokenizer"},
      "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "w0", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"w0": {"id": "w0", "ids": [0], "tokens": ["w0"]}}
      },
      "model": {
        "type": "WordPiece",
        "unk_token": "w0",
        "vocab": {\((0..<31).map { #""w\#($0)": \#($0)"# }.joined(separator: ", "))}
      }
    }
    """
  }
}
