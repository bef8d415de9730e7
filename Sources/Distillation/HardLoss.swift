import Encoders
import Glibc
import Kernels
import Text

/// Cross-entropy between a model's logits and the labels of the rows that have one, summed over a micro-batch.
///
/// Returns the sum; where gradients are wanted, adds `scale` times softmax(z) − onehot(label).
package func crossEntropy(
  logits: Matrix, labels: [Int32], dLogits: Matrix?, scale: Double, arena: Arena
) -> Double {
  let mark = arena.mark
  defer { arena.reset(to: mark) }
  let p = arena.tile(logits.rows, logits.columns)
  gatherTile(p, from: logits)
  softmaxForward(out: p, scores: p)
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
    total += log(sum) - Double(values[label] - largest)
    guard let dLogits else { continue }
    add(p.rows(row..<row + 1), to: dLogits.rows(row..<row + 1), scale: Float(scale))
    dLogits[row, label] -= Float(scale)
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
