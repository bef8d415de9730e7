import Encoders
import JSON
import Kernels
import Limits
import Text

/// The part of a vocabulary that some texts use most, and what it costs them.
struct SmallerVocabulary: Sendable {
  let tokenizer: Tokenizer
  /// The ids that its tokens had, ascending.
  let kept: [Int32]
  let notice: String

  /// - Parameters:
  ///   - tokenizer: of the whole vocabulary.
  ///   - name: the tokenizer's directory.
  ///   - labels: the task's classes, which the training data is read by.
  init(
    _ settings: StudentSettings.Vocabulary, of tokenizer: Tokenizer, name: String, configuration: RunConfiguration,
    labels: [String], threads: Int, ranksOfHost: Int = 1
  ) throws {
    let whole = tokenizer.vocabularySize
    guard settings.keep < whole else {
      throw ModelError(
        "student.vocabulary.keep: expected fewer than the \(whole) tokens of \(name), found \(settings.keep)")
    }
    let needed = try tokenizer.indispensable()
    guard settings.keep >= needed.count else {
      throw ModelError(
        "student.vocabulary.keep: expected at least \(needed.count), the special tokens and single characters of \(name), "
          + "found \(settings.keep)")
    }
    func tokenized(_ tokenizer: Tokenizer) throws -> [TokenizedDataset] {
      try Self.texts(
        settings, configuration, labels: labels,
        SourceReader(configuration, tokenizer: tokenizer, threads: threads, ranksOfHost: ranksOfHost))
    }
    let before = try tokenized(tokenizer)
    var uses = [Int](repeating: 0, count: whole)
    for data in before { data.count(into: &uses) }
    var ids = Set(needed)
    let byUse = (0..<Int32(whole)).filter { uses[Int($0)] > 0 && !ids.contains($0) }.sorted {
      (uses[Int($1)], $0) < (uses[Int($0)], $1)
    }
    ids.formUnion(byUse.prefix(settings.keep - ids.count))
    // Where texts are few, the rest is what comes first.
    for id in 0..<Int32(whole) where ids.count < settings.keep && tokenizer.token(of: id) != nil { ids.insert(id) }
    kept = ids.sorted()
    self.tokenizer = try tokenizer.keeping(kept)
    let after = try tokenized(self.tokenizer)
    notice = Self.report(before, after, whole: (tokenizer, whole), smaller: (self.tokenizer, kept.count))
  }

  private static func texts(
    _ settings: StudentSettings.Vocabulary, _ configuration: RunConfiguration, labels: [String], _ reader: SourceReader
  ) throws -> [TokenizedDataset] {
    guard settings.from.isEmpty else { return try settings.from.map(reader.readTexts) }
    var sources: [DatasetSource] = []
    for source in configuration.stages.flatMap(\.unlabelled.sources) where !sources.contains(source) {
      sources.append(source)
    }
    return try [reader.read(configuration.data.train, outputs: labels, areNeeded: true)]
      + sources.map(reader.readTexts)
  }

  private static func report(
    _ before: [TokenizedDataset], _ after: [TokenizedDataset], whole: (Tokenizer, count: Int),
    smaller: (Tokenizer, count: Int)
  ) -> String {
    func tokens(_ data: [TokenizedDataset]) -> Int {
      data.reduce(0) { sum, data in (0..<data.count).reduce(sum) { $0 + data.length($1) } }
    }
    func unknown(_ data: [TokenizedDataset], _ tokenizer: Tokenizer) -> Int {
      guard let id = tokenizer.unknownId else { return 0 }
      return data.reduce(0) { sum, data in
        (0..<data.count).reduce(sum) { sum, row in sum + data.tokens(row).count { $0 == id } }
      }
    }
    let rows = before.reduce(0) { $0 + $1.count }
    let longer = zip(before, after).reduce(0) { sum, pair in
      sum + (0..<pair.0.count).count { pair.1.length($0) > pair.0.length($0) }
    }
    let (old, new) = (tokens(before), tokens(after))
    let growth = old == 0 ? 0 : 100 * Double(new - old) / Double(old)
    var text =
      "student.vocabulary: \(grouped(smaller.count)) of \(grouped(whole.count)) tokens are kept; \(grouped(longer)) of "
      + "\(grouped(rows)) texts grew longer, and all from \(grouped(old)) to \(grouped(new)) tokens "
      + "(\(fixed(growth, 1)) % more)"
    let (knownBefore, knownAfter) = (unknown(before, whole.0), unknown(after, smaller.0))
    if knownAfter > knownBefore { text += "; \(grouped(knownAfter - knownBefore)) words more are unknown" }
    return text
  }
}

extension ClassifierModel {
  /// The same model with the tokens of a smaller vocabulary alone: a row of the word embeddings for each.
  func with(_ vocabulary: SmallerVocabulary) throws -> ClassifierModel {
    var configuration = self.configuration
    let places = Dictionary(uniqueKeysWithValues: zip(vocabulary.kept, 0...))
    // Some families count positions from behind this id.
    guard places[Int32(configuration.padTokenId)] == configuration.padTokenId else {
      throw ModelError(
        "student.vocabulary: expected pad_token_id \(configuration.padTokenId) to keep its place among the first tokens; "
          + "leave out student.vocabulary")
    }
    configuration.vocabularySize = vocabulary.kept.count
    var layout = ParameterLayout()
    let encoder = Encoder(configuration, layout: &layout)
    try OutOfMemory.check(4 * layout.count, for: "the student's weights")
    let result = ParameterBuffer(layout, for: "the student's weights")
    let (table, words) = (self.encoder.parameters.wordEmbeddings, encoder.parameters.wordEmbeddings)
    for (old, new) in zip(weights.layout.entries, layout.entries) {
      guard new.slot == words else {
        precondition(old.key == new.key && old.slot.count == new.slot.count, "only the words' table differs")
        result.copy(new.slot.offset, from: weights, old.slot.offset, count: new.slot.count)
        continue
      }
      for (row, id) in vocabulary.kept.enumerated() {
        result.copy(
          words.offset + row * words.columns, from: weights, table.offset + Int(id) * table.columns,
          count: words.columns)
      }
    }
    return ClassifierModel(
      encoder: encoder, weights: result, configurationJSON: configurationJSON?.moving(places),
      tokenizerDirectory: tokenizerDirectory, ownTokenizer: vocabulary.tokenizer,
      notices: notices + [vocabulary.notice],
      hasTrainedHead: hasTrainedHead)
  }
}

extension ParameterBuffer {
  fileprivate func copy(_ offset: Int, from other: ParameterBuffer, _ otherOffset: Int, count: Int) {
    values[part: offset..<offset + count].copy(from: other.values[part: otherOffset..<otherOffset + count])
  }
}

extension JSON {
  /// A model's configuration with the new ids of tokens, `sep_token_id` and its like.
  fileprivate func moving(_ places: [Int32: Int]) -> JSON {
    guard var members = object else { return self }
    for (key, value) in zip(members.keys, members.values) where key.hasSuffix("_token_id") {
      if let place = value.int.flatMap(Int32.init(exactly:)).flatMap({ places[$0] }) { members[key] = .integer(place) }
    }
    return .object(members)
  }
}
