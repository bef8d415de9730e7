import Checkpoints
import Encoders

/// How rows of features are divided among files, so that no tensor has more elements than it may.
package struct FeatureFiles {
  /// The most elements that a token has in any tensor.
  private let width: Int
  /// Of a row in any tensor.
  private let rowWidth: Int
  /// Attention has this many numbers for each two tokens of a row.
  private let heads: Int
  private let mostElements: Int

  /// - Parameter mostElements: of a tensor.
  package init(
    _ model: EncoderConfiguration, _ taps: TapSelection, mostElements: Int = SafetensorsWriter.mostElements
  ) {
    var (width, rowWidth, heads) = (1, 1, 0)
    for tap in taps.inOrder {
      switch tap.shape(in: model) {
      case .tokens(let own): width = max(width, own)
      case .heads(let count, let size): width = max(width, count * size)
      case .maps(let count): heads = count
      case .sentences(let own): rowWidth = max(rowWidth, own)
      }
    }
    (self.width, self.rowWidth, self.heads, self.mostElements) = (width, rowWidth, heads, mostElements)
  }

  /// The rows of each file; one without rows where there are none.
  ///
  /// - Parameter lengths: of all rows, in tokens.
  /// - Throws: where a single row is too long.
  package func rows(of lengths: [Int32], rowsPerFile: Int? = nil) throws -> [Range<Int>] {
    var files: [Range<Int>] = []
    var start = 0
    var (tokens, pairs) = (0, 0)
    for (row, length) in lengths.enumerated() {
      let length = Int(length)
      if row > start, row - start == rowsPerFile || !holds(row - start + 1, tokens + length, pairs + length * length) {
        files.append(start..<row)
        (start, tokens, pairs) = (row, 0, 0)
      }
      guard holds(1, length, length * length) else {
        throw ModelError(
          "row \(row + 1): its \(length) tokens have more elements than a tensor may have; truncate it with --max-length"
        )
      }
      tokens += length
      pairs += length * length
    }
    return files + [start..<lengths.count]
  }

  private func holds(_ rows: Int, _ tokens: Int, _ pairs: Int) -> Bool {
    // `starts` has one more.
    rows < mostElements && rows * rowWidth <= mostElements && tokens * width <= mostElements
      && pairs * heads <= mostElements
  }
}
