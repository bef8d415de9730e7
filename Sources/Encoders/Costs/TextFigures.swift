import Kernels

/// How much text there is, as far as what it costs depends on it; of a batch a mean, and so not whole numbers.
package struct TextFigures: Sendable, Equatable {
  package var sentences: Double
  /// Special tokens included, truncation done.
  package var tokens: Double
  /// Σ length²: pairs of tokens of the same sentence.
  package var squares: Double
  /// Σ length · the row stride of a map of that length, which is what attention maps take.
  package var mapElements: Double
  /// Tokens of the longest sentence.
  package var longest: Int

  package init(sentences: Double, tokens: Double, squares: Double, mapElements: Double, longest: Int) {
    self.sentences = sentences
    self.tokens = tokens
    self.squares = squares
    self.mapElements = mapElements
    self.longest = longest
  }

  package init(lengths: some Sequence<Int>) {
    self.init(sentences: 0, tokens: 0, squares: 0, mapElements: 0, longest: 0)
    for length in lengths {
      sentences += 1
      tokens += Double(length)
      squares += Double(length) * Double(length)
      mapElements += Double(length) * Double(tileStride(length))
      longest = max(longest, length)
    }
  }

  /// As many of it, alike.
  package static func * (figures: Self, factor: Double) -> Self {
    Self(
      sentences: figures.sentences * factor, tokens: figures.tokens * factor, squares: figures.squares * factor,
      mapElements: figures.mapElements * factor, longest: figures.longest)
  }
}
