import Kernels
import Text

/// One number for every head and every pair of tokens of the same sentence: attention scores, probabilities, or
/// their gradients. Rows are padded to whole vectors.
package struct AttentionMaps {
  private let base: UnsafeMutablePointer<Float>
  /// Where each sentence's maps start, with the total at the end. (sentences + 1)
  private let offsets: [Int]
  private let lengths: [Int]
  package let heads: Int

  package init(_ batch: Batch, heads: Int, arena: Arena) {
    var offsets = [0]
    lengths = (0..<batch.sentences).map(batch.length)
    for length in lengths { offsets.append(offsets[offsets.count - 1] + heads * length * tileStride(length)) }
    self.offsets = offsets
    self.heads = heads
    base = arena.allocate(offsets[offsets.count - 1])
  }

  package func fill(_ value: Float) { base.update(repeating: value, count: offsets[offsets.count - 1]) }

  /// (length, length) of one sentence and head; row: query, column: key.
  package func map(sentence: Int, head: Int) -> Matrix {
    let length = lengths[sentence]
    let stride = tileStride(length)
    return Matrix(
      base: base + offsets[sentence] + head * length * stride, rows: length, columns: length, stride: stride)
  }
}
