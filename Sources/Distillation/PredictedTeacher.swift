import Encoders
import Glibc
import Kernels
import Text

/// A teacher that has answered already: the logits of every row of a dataset.
package struct PredictedTeacher: TeacherSource {
  /// (rows, classes)
  private let logits: [Float]
  private let classes: Int

  /// - Parameter logits: row after row.
  package init(logits: [Float], classes: Int) {
    precondition(classes > 0 && logits.count % classes == 0)
    (self.logits, self.classes) = (logits, classes)
  }

  package func features(of batch: Batch, arena: Arena) -> Taps {
    let out = arena.matrix(batch.sentences, classes)
    for (sentence, sample) in batch.samples.enumerated() {
      for id in 0..<classes { out[sentence, id] = logits[sample * classes + id] }
    }
    return Taps([.logits: .matrix(out)])
  }
}

/// Several teachers that answer as one: by the weighted mean of their logits, or of their probabilities.
package struct EnsembleTeacher: TeacherSource {
  package enum Average: String, Sendable, CaseIterable {
    case logits
    /// The logarithm of the mean takes the place of logits.
    case probabilities
  }

  private let members: [any TeacherSource]
  /// Of sum 1. (members)
  private let weights: [Double]
  private let average: Average
  private let classes: Int
  /// Whether logits are of tokens rather than of sentences.
  private let areOfTokens: Bool

  package init(
    _ members: [(source: any TeacherSource, weight: Double)], average: Average, classes: Int, areOfTokens: Bool = false
  ) {
    self.areOfTokens = areOfTokens
    let sum = members.reduce(0) { $0 + $1.weight }
    precondition(sum > 0, "weights of an ensemble are positive")
    self.members = members.map(\.source)
    weights = members.map { $0.weight / sum }
    (self.average, self.classes) = (average, classes)
  }

  package func features(of batch: Batch, arena: Arena) -> Taps {
    let rows = areOfTokens ? batch.tokens.count : batch.sentences
    let out = arena.matrix(rows, classes)
    var means = [Double](repeating: 0, count: rows * classes)
    for (member, weight) in zip(members, weights) {
      let mark = arena.mark
      defer { arena.reset(to: mark) }
      let logits = member.features(of: batch, arena: arena).matrix(.logits)
      for sentence in 0..<rows {
        let row = (0..<classes).map { Double(logits[sentence, $0]) }
        let values = average == .logits ? row : softmax(row)
        for id in 0..<classes { means[sentence * classes + id] += weight * values[id] }
      }
    }
    for sentence in 0..<rows {
      for id in 0..<classes {
        let mean = means[sentence * classes + id]
        out[sentence, id] = Float(average == .logits ? mean : log(mean))
      }
    }
    return Taps([.logits: .matrix(out)])
  }

  /// p = softmax(z), of which none is 0, so that each has a logarithm.
  private func softmax(_ logits: [Double]) -> [Double] {
    let largest = logits.max() ?? 0
    let exponentials = logits.map { exp(max($0 - largest, -80)) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum }
  }
}
