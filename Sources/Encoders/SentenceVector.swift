import Kernels

/// How a sentence's vector is made of the last layer's output: the head of a model of sentence vectors, which has no
/// parameters.
package struct SentenceVectorShape: Sendable, Equatable {
  package enum Pooling: String, Sendable, CaseIterable {
    case mean
    /// The first token.
    case cls
    /// The largest of each column.
    case max
  }

  package var pooling = Pooling.mean
  /// Whether vectors are divided by their length.
  package var normalizes = false

  package init() {}

  /// out = x, or x / max(‖x‖, 1e-12). (sentences, hidden)
  func forward(out: Matrix, pooled x: Matrix) {
    if normalizes { unitForward(out: out, input: x) } else { out.copy(from: x) }
  }

  /// Adds to `dX` the gradient of what was pooled, given that of the vector.
  func backward(dX: Matrix, dOut: Matrix, pooled x: Matrix) {
    if normalizes { unitBackward(dInput: dX, dOut: dOut, input: x) } else { add(dOut, to: dX) }
  }
}

extension EncoderConfiguration {
  /// How many numbers the head gives for a row.
  package var outputs: Int {
    switch problem {
    case .embedding: hiddenSize
    case .noHead: 0
    case .singleLabel, .multiLabel, .regression, .pairs, .tokens: labels.count
    }
  }

  /// Whether the head reads more of the last layer's output than each sentence's first token.
  var headReadsAllTokens: Bool {
    switch problem {
    case .tokens: true
    case .embedding: vector.pooling != .cls
    case .singleLabel, .multiLabel, .regression, .pairs: head.pooling == .mean
    case .noHead: false
    }
  }

  private var headPooling: HeadShape.Pooling {
    guard problem == .embedding else { return head.pooling }
    return vector.pooling == .mean ? .mean : .cls
  }

  private var poolsByMaximum: Bool { problem == .embedding && vector.pooling == .max }

  /// What the head reads of the last layer's output (tokens, hidden): (sentences, hidden).
  func pooled(_ hidden: Matrix, _ context: PassContext) -> Matrix {
    guard poolsByMaximum else { return headPooling.forward(hidden, context) }
    let out = context.arena.matrix(context.batch.sentences, hidden.columns)
    for (sentence, row) in largestTokens(hidden, context).enumerated() {
      for (column, token) in row.enumerated() { out[sentence, column] = hidden[token, column] }
    }
    return out
  }

  /// Adds to the gradient of `hidden`.
  func poolingBackward(dHidden: Matrix, dOut: Matrix, hidden: Matrix, _ context: PassContext) {
    guard poolsByMaximum else { return headPooling.backward(dHidden: dHidden, dOut: dOut, context) }
    // out[sentence, column] = hidden[token, column] of the first token with the largest.
    for (sentence, row) in largestTokens(hidden, context).enumerated() {
      for (column, token) in row.enumerated() { dHidden[token, column] += dOut[sentence, column] }
    }
  }

  /// Of each sentence and column, the first token with the largest number.
  private func largestTokens(_ hidden: Matrix, _ context: PassContext) -> [[Int]] {
    (0..<context.batch.sentences).map { sentence in
      let tokens = OutputRows.all.range(of: sentence, in: context.batch)
      return (0..<hidden.columns).map { column in
        tokens.dropFirst().reduce(tokens.lowerBound) { hidden[$1, column] > hidden[$0, column] ? $1 : $0 }
      }
    }
  }
}
