import Distillation
import Encoders
import Glibc
import Kernels
import Testing
import Text

/// Several teachers as one, by their definition.
@Suite struct Ensembles {
  private static let first: [Float] = [2, -1, 0.5, 0, 0, 0]
  private static let second: [Float] = [-3, 4, 1, 90, 0, -90]

  private func logits(_ average: EnsembleTeacher.Average) -> [Float] {
    let teacher = EnsembleTeacher(
      [
        (PredictedTeacher(logits: Self.first, classes: 3), 1), (PredictedTeacher(logits: Self.second, classes: 3), 3),
      ], average: average, classes: 3)
    var batch = Batch()
    for row in [1, 0] {
      batch.tokens += [1, 2]
      batch.types += [0, 0]
      batch.starts.append(batch.tokens.count)
      batch.labels.append(-1)
      batch.samples.append(row)
    }
    let arena = Arena()
    let matrix = teacher.features(of: batch, arena: arena).matrix(.logits)
    return (0..<2).flatMap { row in (0..<3).map { matrix[row, $0] } }
  }

  @Test("logits are averaged by weight, rows in the order of the batch")
  func averagesLogits() {
    #expect(logits(.logits) == [67.5, 0, -67.5, -1.75, 2.75, 0.875])
  }

  @Test("so are probabilities, none of which is 0")
  func averagesProbabilities() {
    func softmax(_ values: ArraySlice<Float>) -> [Double] {
      let exponentials = values.map { exp(Double($0)) }
      return exponentials.map { $0 / exponentials.reduce(0, +) }
    }
    let found = logits(.probabilities)
    for value in found { #expect(value.isFinite) }
    for (position, row) in [1, 0].enumerated() {
      let (one, two) = (softmax(Self.first[3 * row..<3 * row + 3]), softmax(Self.second[3 * row..<3 * row + 3]))
      for id in 0..<3 {
        #expect(abs(exp(Double(found[3 * position + id])) - (one[id] + 3 * two[id]) / 4) < 1e-6)
      }
    }
  }
}
