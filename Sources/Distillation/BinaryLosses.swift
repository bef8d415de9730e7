import Glibc
import Kernels

/// Binary cross-entropy of each output with its target of 0 or 1, over the rows that have one:
/// −Σ w·t·log σ(z) + (1 − t)·log σ(−z). Where gradients are wanted, adds `scale` times (1 − t)·σ(z) − w·t·σ(−z).
///
/// - Parameters:
///   - labels: negative where a row has no target. (rows)
///   - targets: (rows, outputs)
///   - positiveWeights: w of each output; empty for 1.
package func binaryCrossEntropy(
  logits: Matrix, labels: [Int32], targets: [Float], positiveWeights: [Double], dLogits: Matrix?, scale: Double
) -> Double {
  // Rows to predict have none.
  guard labels.contains(where: { $0 >= 0 }) else { return 0 }
  precondition(targets.count == logits.rows * logits.columns, "each output has a target")
  precondition(positiveWeights.isEmpty || positiveWeights.count == logits.columns, "each output has a weight")
  var total = 0.0
  for row in 0..<logits.rows where labels[row] >= 0 {
    for column in 0..<logits.columns {
      let z = Double(logits[row, column])
      let target = Double(targets[row * logits.columns + column])
      let positive = target * (positiveWeights.isEmpty ? 1 : positiveWeights[column])
      // −log σ(z) = softplus(−z)
      total += positive * softplus(-z) + (1 - target) * softplus(z)
      dLogits?[row, column] += Float(scale * ((1 - target) * sigmoid(z) - positive * sigmoid(-z)))
    }
  }
  return total
}

/// Σ KL(σ(teacher) ‖ σ(student)) over a row's outputs, each a distribution over yes and no; adds `scale` times its gradient,
/// σ(student) − σ(teacher), to `d`, where given.
func binaryDivergence(teacher: Matrix, student: Matrix, d: Matrix?, scale: Double) -> Double {
  var total = 0.0
  for row in 0..<student.rows {
    for column in 0..<student.columns {
      let (s, t) = (Double(student[row, column]), Double(teacher[row, column]))
      let p = sigmoid(t)
      // log σ(t) − log σ(s), and the same of no.
      total += p * (softplus(-s) - softplus(-t)) + sigmoid(-t) * (softplus(s) - softplus(t))
      d?[row, column] += Float(scale * (sigmoid(s) - p))
    }
  }
  return total
}

/// 1 / (1 + e⁻ˣ), without an overflow.
package func sigmoid(_ x: Double) -> Double { x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)) }

/// log(1 + eˣ), without an overflow.
private func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }
