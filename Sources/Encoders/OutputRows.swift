import Kernels
import Text

/// Which rows a layer's output is wanted for: the last layer of a classifier is read at each sentence's first token only.
enum OutputRows {
  case all
  /// [CLS]: one row a sentence.
  case first

  /// The rows of a sentence in a matrix of these rows.
  func range(of sentence: Int, in batch: Batch) -> Range<Int> {
    switch self {
    case .all: batch.starts[sentence]..<batch.starts[sentence + 1]
    case .first: sentence..<sentence + 1
    }
  }

  func count(in batch: Batch) -> Int {
    switch self {
    case .all: batch.tokens.count
    case .first: batch.sentences
    }
  }

  /// These rows of x: x itself, or each sentence's first. x: (tokens, width)
  func rows(of x: Matrix, _ context: PassContext) -> Matrix {
    guard case .first = self else { return x }
    let out = context.arena.matrix(context.batch.sentences, x.columns)
    for sentence in 0..<context.batch.sentences {
      let first = context.batch.starts[sentence]
      out.rows(sentence..<sentence + 1).copy(from: x.rows(first..<first + 1))
    }
    return out
  }

  /// x += the gradient of these rows; x: (tokens, width).
  func add(_ d: Matrix, to x: Matrix, _ context: PassContext) {
    guard case .first = self else { return Kernels.add(d, to: x) }
    for sentence in 0..<context.batch.sentences {
      let first = context.batch.starts[sentence]
      Kernels.add(d.rows(sentence..<sentence + 1), to: x.rows(first..<first + 1))
    }
  }

  /// Drops elements of x, each sentence under its own key. A sentence's first row meets the same numbers either way.
  func dropout(_ x: Matrix, rate: Float, site: Int, _ context: PassContext) {
    guard let key = context.dropoutKey, rate > 0 else { return }
    for sentence in 0..<context.batch.sentences {
      Kernels.dropout(
        x.rows(range(of: sentence, in: context.batch)), rate: rate, key: key,
        sample: context.batch.samples[sentence], site: site)
    }
  }
}
