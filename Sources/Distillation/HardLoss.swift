import Encoders
import Glibc
import Kernels
import Text

/// Cross-entropy between a model's logits and the labels of the rows that have one, summed over a micro-batch: with
/// class weights w and smoothing ε, −Σ (1 − ε)·w_y·log p_y + ε/C · Σ_c w_c·log p_c, as PyTorch's `CrossEntropyLoss` before
/// it divides by Σ w_y.
///
/// Returns the sum; where gradients are wanted, adds `scale` times ((1 − ε)·w_y + ε/C · Σ_c w_c)·softmax(z) −
/// (1 − ε)·w_y·onehot(y) − ε/C · w.
///
/// - Parameter weights: of each class; empty for 1.
package func crossEntropy(
  logits: Matrix, labels: [Int32], weights: [Double] = [], smoothing: Double = 0, dLogits: Matrix?, scale: Double,
  arena: Arena
) -> Double {
  precondition(weights.isEmpty || weights.count == logits.columns, "each class has a weight")
  let mark = arena.mark
  defer { arena.reset(to: mark) }
  let p = arena.tile(logits.rows, logits.columns)
  gatherTile(p, from: logits)
  softmaxForward(out: p, scores: p)
  let weights = weights.isEmpty ? [Double](repeating: 1, count: logits.columns) : weights
  let share = smoothing / Double(logits.columns)
  let allWeights = weights.reduce(0, +)
  var total = 0.0
  for row in 0..<logits.rows {
    let label = Int(labels[row])
    guard label >= 0 else { continue }
    precondition(label < logits.columns, "a label is one of the classes")
    let values = logits.rows(row..<row + 1).values
    // −log p[label] from logits, which a vanishing probability would lose.
    let largest = values.max() ?? 0
    var sum = 0.0
    for value in values { sum += exp(Double(value - largest)) }
    let own = (1 - smoothing) * weights[label]
    total += own * (log(sum) - Double(values[label] - largest))
    if smoothing > 0 {
      for (value, weight) in zip(values, weights) { total += share * weight * (log(sum) - Double(value - largest)) }
    }
    guard let dLogits else { continue }
    add(p.rows(row..<row + 1), to: dLogits.rows(row..<row + 1), scale: Float(scale * (own + share * allWeights)))
    dLogits[row, label] -= Float(scale * own)
    if smoothing > 0 {
      for (column, weight) in weights.enumerated() { dLogits[row, column] -= Float(scale * share * weight) }
    }
  }
  return total
}

/// Σ (z − t)² over the outputs of the rows that have a target; where gradients are wanted, adds `scale` times 2(z − t).
///
/// - Parameters:
///   - labels: negative where a row has no target. (rows)
///   - targets: (rows, outputs)
package func squaredError(
  outputs: Matrix, labels: [Int32], targets: [Float], dOutputs: Matrix?, scale: Double
) -> Double {
  // Rows to predict have none.
  guard labels.contains(where: { $0 >= 0 }) else { return 0 }
  precondition(targets.count == outputs.rows * outputs.columns, "each output has a target")
  var total = 0.0
  for row in 0..<outputs.rows where labels[row] >= 0 {
    for column in 0..<outputs.columns {
      let difference = Double(outputs[row, column]) - Double(targets[row * outputs.columns + column])
      total += difference * difference
      dOutputs?[row, column] += Float(2 * scale * difference)
    }
  }
  return total
}
