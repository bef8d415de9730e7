import Encoders
import Kernels
import Text

/// Σ (cos(v, w) − score / largest)² over rows, w the vector of the other text of a row's pair: the mean over pairs is
/// sentence-transformers' `CosineSimilarityLoss`. Rows 2i and 2i + 1 of a dataset are a pair and have one score, which is
/// counted with either. A row without a score, or whose other text is not in the global batch, adds nothing.
///
/// Returns the sum over the micro-batch's rows; where gradients are wanted, adds `scale` times the gradient of the global
/// batch's sum in their vectors.
package func scoredPairsError(_ pair: TapPair, largest: Double, scale: Double) -> Double {
  let dVector = pair.dStudent?.matrix(.logits)
  let mark = pair.arena.mark
  defer { pair.arena.reset(to: mark) }
  let all = pair.compared
  var places: [Int: Int] = [:]
  for (place, row) in all.batch.samples.enumerated() { places[row] = place }
  func vector(_ place: Int) -> UnsafeMutableBufferPointer<Float> { all.student.rows(place..<place + 1).values }
  let d = pair.arena.matrix(1, all.student.columns)
  var total = 0.0
  for (row, place) in all.own.enumerated() where all.batch.labels[place] >= 0 {
    guard let other = places[all.batch.samples[place] ^ 1] else { continue }
    // cos = 1 − distance
    let cosine = 1 - HiddenCosine.distance(vector(place), vector(other), d: nil, scale: 0)
    let difference = cosine - Double(all.batch.values[place]) / largest
    total += difference * difference
    guard let dVector else { continue }
    // The pair stands in the sum twice, with this row and with the other.
    _ = HiddenCosine.distance(vector(place), vector(other), d: d.values, scale: -4 * scale * difference)
    add(d, to: dVector.rows(row..<row + 1))
  }
  return total
}
