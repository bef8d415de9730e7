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
