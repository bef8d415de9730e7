import Glibc
import Text
import Training

/// One sentence and where teacher and student look while they read it.
struct AttentionExample: Sendable {
  let text: String
  let label: String?
  let tokens: [String]
  /// What each model takes it for, the teacher first.
  let predictions: [(model: String, label: String, probability: Double)]
  let pairs: [Pair]

  /// A student's layer and the teacher's it is compared with; without a teacher the student's alone.
  struct Pair: Sendable {
    let student: Maps
    let teacher: Maps?
  }

  struct Maps: Sendable {
    let layer: Int
    /// (tokens, tokens) each, row after row.
    let heads: [[Float]]

    var mean: [Float] { heads.meanOverHeads }
  }

  /// - Parameters:
  ///   - name: what the student is called.
  ///   - row: of `data`, the sentence's place.
  ///   - pairs: layers from 1.
  init(
    name: String, _ example: Example, row: Int, of data: TokenizedDataset, tokenizer: Tokenizer,
    student: ClassifierModel,
    teacher: ClassifierModel?, pairs: [ComparedLayers]
  ) {
    let batch = data.batch([row])
    let own = student.attention(of: batch, layers: Set(pairs.map(\.student)))
    let other = teacher?.attention(of: batch, layers: Set(pairs.map(\.teacher)))
    text = example.pair.map { "\(example.text) ‖ \($0)" } ?? example.text
    let labels = student.configuration.labels
    label = example.label.flatMap { labels.indices.contains($0) ? labels[$0] : nil }
    tokens = batch.tokens.map { tokenizer.token(of: $0) ?? "?" }
    var predictions: [(String, String, Double)] = []
    for (name, model, logits) in [("teacher", teacher, other?.logits), (name, student, own.logits)] {
      guard let model, let logits, model.hasTrainedHead, model.task.kind == .classification,
        logits.allSatisfy(\.isFinite)
      else { continue }
      let best = logits.indexOfLargest
      let sum = logits.reduce(0) { $0 + exp(Double($1 - logits[best])) }
      predictions.append((name, model.configuration.labels[best], 1 / sum))
    }
    self.predictions = predictions
    self.pairs = pairs.map { pair in
      Pair(
        student: Maps(layer: pair.student, heads: own.layers[pair.student] ?? []),
        teacher: other.map { Maps(layer: pair.teacher, heads: $0.layers[pair.teacher] ?? []) })
    }
  }
}

extension AttentionExample.Pair {
  /// How much of the student's attention falls where the teacher's does, averaged over heads and then over queries: 1
  /// where they agree, 0 where they share nothing.
  var overlap: Double? {
    guard let teacher else { return nil }
    let (own, other) = (student.mean, teacher.mean)
    guard own.count == other.count, !own.isEmpty else { return nil }
    let shared = zip(own, other).reduce(0.0) { $0 + Double(min($1.0, $1.1)) }
    return shared / Double(own.count).squareRoot()
  }
}
