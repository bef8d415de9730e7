import Distillation
import JSON
import Text

extension TaskKind {
  /// A tag for each word, cross-entropy over the words' first tokens.
  package static let tokens = TaskKind(
    name: "tokens", meaning: "a tag for each word", problem: .tokens, leastOutputs: 2, standardOutputs: nil,
    targets: { .tags($1) },
    card: Card(
      pipelineTag: "token-classification", title: "Token classification", noun: "A tagger of words", outputs: "tags",
      pipelineArguments: ", aggregation_strategy=\"first\"", autoClass: "AutoModelForTokenClassification"),
    metrics: [
      TaskMetric("f1", "F1", .max, hub: ("f1", "Entity F1")),
      TaskMetric("precision", "precision", .max, hub: ("precision", "Entity precision")),
      TaskMetric("recall", "recall", .max, hub: ("recall", "Entity recall")),
      TaskMetric("accuracy", "accuracy", short: "acc", .max, hub: ("accuracy", "Accuracy")),
    ],
    hardLoss: { _, terms in
      guard !terms.batch.tags.isEmpty else { return 0 }
      return crossEntropy(
        logits: terms.logits, labels: terms.batch.tags, dLogits: terms.dLogits, scale: terms.scale, arena: terms.arena)
    },
    measure: { answers in
      let scores = answers.tags
      return [scores.all.f1, scores.all.precision, scores.all.recall, scores.accuracy]
    },
    details: { answers in
      let types = answers.tags.types
      let rows = types.map { type, own in
        [type.escapedForDisplay, grouped(own.wanted)] + [own.precision, own.recall, own.f1].map { fixed($0, 4) }
      }
      let members = types.map { type, own -> JSON in
        [
          "type": .string(type), "entities": .integer(own.wanted), "precision": .number(own.precision),
          "recall": .number(own.recall), "f1": .number(own.f1),
        ]
      }
      return EvaluationDetails(
        members: [("types", .array(members))],
        tables: [[["entity", "number", "precision", "recall", "F1"]] + rows])
    },
    answer: { row in
      let words = row.words?.words ?? []
      let tags = row.words?.tags(row.logits, outputs: row.outputs) ?? []
      let entities = TagSequence(tags.map { $0 ?? "O" }).entities.map { entity -> JSON in
        let (first, last) = (words[entity.words.lowerBound], words[entity.words.upperBound - 1])
        return [
          "type": .string(entity.type), "start": .integer(first.characters.lowerBound),
          "end": .integer(last.characters.upperBound),
          "text": .string(words[entity.words].map(\.word).joined(separator: " ")),
        ]
      }
      return [
        .json("words", .array(words.map { .string($0.word) })),
        .json("tags", .array(tags.map { $0.map(JSON.string) ?? .null })), .json("entities", .array(entities)),
      ]
    },
    tableFields: ["words", "tags", "entities"])
}

extension Answers {
  /// Over the words that have a token: what was cut off is not scored.
  var tags: EntityMetrics {
    let rows = zip(wordStarts, wordStarts.dropFirst()).map { $0..<$1 }
    return EntityMetrics(
      wanted: rows.map { $0.map { outputs[Int(labels[$0])] } },
      found: rows.map { $0.map { outputs[logits(of: $0).placeOfLargest] } })
  }
}

/// The words of a row to predict, and where each begins among its tokens.
package struct AnsweredWords {
  let words: [(word: String, characters: Range<Int>)]
  /// `nil` where a word was cut off, or has no token.
  private let places: [Int?]

  /// - Parameters:
  ///   - row: of `examples`.
  ///   - index: the same row's place in `data`.
  package init(_ row: Int, of examples: Examples, _ index: Int, of data: TokenizedDataset) {
    words = examples.wordsWithPlaces(row)
    var places = [Int?](repeating: nil, count: words.count)
    for (place, word) in data.words(index).enumerated() where word >= 0 { places[Int(word)] = place }
    self.places = places
  }

  func tags(_ logits: [Float], outputs: [String]) -> [String?] {
    places.map { $0.map { outputs[logits.tag(at: $0, of: outputs.count)] } }
  }
}

extension [Float] {
  /// The first of the largest logits of a token.
  fileprivate func tag(at token: Int, of outputs: Int) -> Int {
    self[token * outputs..<(token + 1) * outputs].placeOfLargest
  }
}
