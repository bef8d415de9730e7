import Encoders
import Text

/// What a plan knows of a dataset.
package struct DatasetFigures: Sendable, Equatable {
  package let all: TextFigures
  package let longest: Int
  /// The words that occur, in order.
  package let words: [Int]
  /// Whether they were counted, and not assumed.
  package let isCounted: Bool
  /// Bytes of their tokens that are mapped from files.
  let mappedBytes: Int

  package var rows: Int { Int(all.sentences) }

  init(_ data: TokenizedDataset) {
    all = TextFigures(counts: data.lengthCounts)
    longest = data.maximumLength
    words = data.occurringTokens
    mappedBytes = data.mappedBytes
    isCounted = true
  }

  /// Of data that are not there: rows of the same length. Words are as many as English tweets have.
  package init(rows: Int, meanLength: Double, vocabulary: Int) {
    let length = max(1, Int(meanLength.rounded()))
    all = TextFigures(lengths: [length]) * Double(rows)
    longest = length
    words = Array(0..<min(vocabulary, Self.distinctWords(tokens: all.tokens)))
    mappedBytes = 0
    isCounted = false
  }

  /// As counted on tweets: 410 of 800 tokens, 1,900 of 6,400, 12,500 of all.
  static func distinctWords(tokens: Double) -> Int {
    let root = tokens.squareRoot()
    return Int(min(12_500, 2.7 * root * root.squareRoot()))
  }
}

/// The global batches of a stage.
package struct BatchFigures: Sendable, Equatable {
  package let mean: TextFigures
  /// Of the batch with the most.
  package let mostTokens: Double
  /// Distinct words: rows of the word embeddings with a gradient.
  package let meanWords: Double
  package let mostWords: Int

  private static let mostRows = 1 << 20

  /// - Parameter data: `nil` where it is assumed.
  init(_ figures: DatasetFigures, data: TokenizedDataset?, batchSize: Int, sampler: Sampler, vocabulary: Int) {
    let size = min(batchSize, figures.rows)
    mean = figures.all * (Double(size) / max(1, figures.all.sentences))
    guard let data else {
      mostTokens = mean.tokens
      meanWords = Double(min(figures.words.count, DatasetFigures.distinctWords(tokens: mean.tokens)))
      mostWords = Int(meanWords)
      return
    }
    // Of very many rows these say as much.
    let sampler = data.count > Self.mostRows ? Sampler(count: Self.mostRows, seed: 0, shuffle: true) : sampler
    let batches = sampler.batches(epoch: 0, batchSize: batchSize)
    mostTokens = Double(batches.map { $0.reduce(0) { $0 + data.length($1) } }.max() ?? 0)
    // Enough for a mean.
    let words = batches.prefix(200).filter { $0.count == size }.map { data.words(of: $0, vocabulary: vocabulary).count }
    meanWords = Double(words.reduce(0, +)) / Double(max(1, words.count))
    mostWords = words.max() ?? 0
  }
}
