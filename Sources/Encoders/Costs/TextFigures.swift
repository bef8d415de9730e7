import Kernels

/// How much text there is, as far as what it costs depends on it; of a batch a mean, and so not whole numbers.
package struct TextFigures: Sendable, Equatable {
  package private(set) var sentences = 0.0
  /// Special tokens included, truncation done.
  package private(set) var tokens = 0.0
  /// Σ length²: pairs of tokens of the same sentence.
  package private(set) var squares = 0.0
  /// Σ length · the row stride of a map of that length, which is what attention maps take.
  package private(set) var mapElements = 0.0
  /// Tokens of the longest sentence.
  package private(set) var longest = 0
  /// How many sentences have a length, by lengths from the shortest on.
  private var counts: [LengthCount] = []

  private struct LengthCount: Sendable, Equatable {
    let length: Int
    var sentences: Double
  }

  package init(lengths: some Sequence<Int>) {
    var counts: [Int: Int] = [:]
    for length in lengths { counts[length, default: 0] += 1 }
    self.init(counts: counts)
  }

  /// - Parameter counts: how many sentences have a length, by lengths.
  package init(counts: [Int: Int]) {
    self.counts = counts.sorted { $0.key < $1.key }.map { LengthCount(length: $0.key, sentences: Double($0.value)) }
    sentences = sum { _ in 1 }
    tokens = sum { $0 }
    squares = sum { $0 * $0 }
    mapElements = sum { $0 * tileStride($0) }
    longest = self.counts.last?.length ?? 0
  }

  /// What a sentence of each length gives, of all sentences.
  func sum(_ ofLength: (Int) -> Int) -> Double {
    counts.reduce(0) { $0 + $1.sentences * Double(ofLength($1.length)) }
  }

  /// As many of it, alike.
  package static func * (figures: Self, factor: Double) -> Self {
    var product = figures
    product.sentences *= factor
    product.tokens *= factor
    product.squares *= factor
    product.mapElements *= factor
    for index in product.counts.indices { product.counts[index].sentences *= factor }
    return product
  }
}
