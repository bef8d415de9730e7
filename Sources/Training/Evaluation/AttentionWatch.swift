import Encoders
import JSON
import Kernels
import Text

/// The validation sentences whose attention a run logs, and how the teacher reads them.
struct AttentionWatch: Sendable {
  private struct Sentence: Sendable {
    /// Of the validation data, from 0.
    let row: Int
    let batch: Batch
    let tokens: [String]
    /// By layer, averaged over heads.
    let teacher: [Int: [Float]]
  }

  private let sentences: [Sentence]
  private let layers: [ComparedLayers]

  /// - Parameter teacher: with all its weights.
  init(_ data: TokenizedDataset, tokenizer: Tokenizer, teacher: ClassifierModel, layers: [ComparedLayers]) {
    self.layers = layers
    sentences = data.rowsToLookAt.map { row in
      let batch = data.batch([row])
      return Sentence(
        row: row, batch: batch, tokens: batch.tokens.map { tokenizer.token(of: $0) ?? "?" },
        teacher: teacher.attention(of: batch, layers: Set(layers.map(\.teacher))).layers.mapValues(\.meanOverHeads))
    }
  }

  /// What to log of a student as it is now; `nil` where no sentence is short enough to be looked at.
  func report(stage: String, step: Int, student: Encoder, weights: ParameterBuffer) -> AttentionReport? {
    guard !sentences.isEmpty else { return nil }
    let reports = sentences.map { sentence in
      let own = SentenceAttention(student, weights, of: sentence.batch, layers: Set(layers.map(\.student))).layers
      return AttentionReport.Sentence(
        row: sentence.row + 1, tokens: sentence.tokens,
        maps: layers.map { pair in
          AttentionReport.Map(
            layers: pair, student: AttentionReport.thousandths(own[pair.student]?.meanOverHeads ?? []),
            teacher: AttentionReport.thousandths(sentence.teacher[pair.teacher] ?? []))
        })
    }
    return AttentionReport(stage: stage, step: step, sentences: reports)
  }
}

/// Where student and teacher look, averaged over heads, as the log tells it: rounded, so that a line stays short.
package struct AttentionReport: Sendable {
  let stage: String
  let step: Int
  let sentences: [Sentence]

  struct Sentence: Sendable {
    /// Of the validation data, from 1.
    let row: Int
    let tokens: [String]
    let maps: [Map]
  }

  /// (tokens, tokens) thousandths, row after row; rows are queries, columns are keys.
  struct Map: Sendable {
    let layers: ComparedLayers
    let student: [Int]
    let teacher: [Int]
  }

  static func thousandths(_ map: [Float]) -> [Int] { map.map { Int(1000 * max(0, min(1, $0)) + 0.5) } }

  var members: [(String, JSON)] {
    [
      ("stage", .string(stage)), ("step", .integer(step)),
      ("sentences", .array(sentences.map(\.json))),
    ]
  }
}

extension AttentionReport.Sentence {
  fileprivate var json: JSON {
    func rows(_ map: [Int]) -> JSON {
      .array(
        stride(from: 0, to: map.count, by: tokens.count).map { start in
          .array(map[start..<start + tokens.count].map(JSON.integer))
        })
    }
    return [
      "row": .integer(row), "tokens": .array(tokens.map(JSON.string)),
      "maps": .array(
        maps.map { map in
          [
            "student_layer": .integer(map.layers.student), "teacher_layer": .integer(map.layers.teacher),
            "student": rows(map.student), "teacher": rows(map.teacher),
          ]
        }),
    ]
  }

  /// - Returns: `nil` of what is no such sentence, or whose maps are not squares of its tokens.
  init?(json: JSON) {
    guard let row = json["row"]?.int, let tokens = json["tokens"]?.array?.compactMap(\.string), !tokens.isEmpty,
      let maps = json["maps"]?.array
    else { return nil }
    func square(_ json: JSON?) -> [Int]? {
      let rows = json?.array?.compactMap { $0.array?.compactMap(\.int) } ?? []
      return rows.count == tokens.count && rows.allSatisfy { $0.count == tokens.count } ? rows.flatMap { $0 } : nil
    }
    self.row = row
    self.tokens = tokens
    self.maps = maps.compactMap { map in
      guard let student = map["student_layer"]?.int, let teacher = map["teacher_layer"]?.int,
        let own = square(map["student"]), let other = square(map["teacher"])
      else { return nil }
      return AttentionReport.Map(
        layers: ComparedLayers(student: student, teacher: teacher), student: own, teacher: other)
    }
  }
}
