import Kernels
import Text

/// One number for every head and every pair of tokens of the same sentence: attention scores, probabilities, or
/// their gradients. Rows are padded to whole vectors.
package struct AttentionMaps {
  private let base: UnsafeMutablePointer<Float>
  /// Where each sentence's maps start, with the total at the end. (sentences + 1)
  private let offsets: [Int]
  private let lengths: [Int]
  private let strides: [Int]
  package let heads: Int

  /// What stands for the score of a token outside the window: below any score, and a number in half precision too.
  package static let outsideWindow: Float = -10_000

  package init(_ batch: Batch, heads: Int, arena: Arena) { self.init(batch, heads: heads, reach: nil, arena: arena) }

  /// - Parameter reach: how far a token sees; of longer sentences there are bands only.
  init(_ batch: Batch, heads: Int, reach: Int?, arena: Arena) {
    var offsets = [0]
    lengths = (0..<batch.sentences).map(batch.length)
    strides = lengths.map { length in
      tileStride(reach.map { AttentionBand.width(length: length, reach: $0) } ?? length)
    }
    for (length, stride) in zip(lengths, strides) {
      offsets.append(offsets[offsets.count - 1] + heads * length * stride)
    }
    self.offsets = offsets
    self.heads = heads
    base = arena.allocate(offsets[offsets.count - 1])
  }

  package func fill(_ value: Float) { base.update(repeating: value, count: offsets[offsets.count - 1]) }

  /// (length, length) of one sentence and head; row: query, column: key.
  package func map(sentence: Int, head: Int) -> Matrix {
    let (length, stride) = (lengths[sentence], strides[sentence])
    precondition(length <= stride)
    return Matrix(
      base: base + offsets[sentence] + head * length * stride, rows: length, columns: length, stride: stride)
  }

  /// (queries, keys) of a band of one sentence and head.
  func band(_ band: AttentionBand, sentence: Int, head: Int) -> Matrix {
    let stride = strides[sentence]
    precondition(band.keys.count <= stride && band.queries.upperBound <= lengths[sentence])
    return Matrix(
      base: base + offsets[sentence] + (head * lengths[sentence] + band.queries.lowerBound) * stride,
      rows: band.queries.count, columns: band.keys.count, stride: stride)
  }
}
