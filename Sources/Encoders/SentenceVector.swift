import Kernels

/// How a sentence's vector is made of the last layer's output, the head of a model of sentence vectors:
/// vector = unit(f(pooled·W + b)), with W, b and f where there is a `Dense`, and unit where vectors are normalised.
package struct SentenceVectorShape: Sendable, Equatable {
  package enum Pooling: String, Sendable, CaseIterable {
    case mean
    /// The first token.
    case cls
    /// The largest of each column.
    case max
  }

  /// A linear map of what is pooled and a function of it: the module of this name of sentence-transformers.
  package struct Dense: Sendable, Equatable {
    package enum Activation: String, Sendable, CaseIterable {
      case identity
      case tanh
    }

    /// How many numbers it gives.
    package var width: Int
    package var activation = Activation.identity
    package var hasBias = true

    /// The folder of a model's directory that has it, with which its keys begin.
    static let folder = "2_Dense"
    /// Of the widths that it gives.
    package static let widths = 1...65_536

    package init(width: Int, activation: Activation = .identity, hasBias: Bool = true) {
      (self.width, self.activation, self.hasBias) = (width, activation, hasBias)
    }
  }

  package var pooling = Pooling.mean
  package var dense: Dense?
  /// Whether vectors are divided by their length.
  package var normalizes = false

  package init() {}

  /// out = x, or x / max(‖x‖, 1e-12). (sentences, outputs)
  fileprivate func forward(out: Matrix, input x: Matrix) {
    if normalizes { unitForward(out: out, input: x) } else { out.copy(from: x) }
  }

  /// Adds to `dX`. Forward: out = x, or x / max(‖x‖, 1e-12)
  fileprivate func backward(dX: Matrix, dOut: Matrix, input x: Matrix) {
    if normalizes { unitBackward(dInput: dX, dOut: dOut, input: x) } else { add(dOut, to: dX) }
  }
}

extension ClassificationHead {
  private var isTanh: Bool { configuration.vector.dense?.activation == .tanh }

  /// - Parameters:
  ///   - out: (sentences, outputs)
  ///   - x: what is pooled. (sentences, hidden)
  /// - Returns: what the vectors are before they are divided by their lengths. (sentences, outputs)
  func vectorForward(out: Matrix, pooled x: Matrix, _ context: PassContext) -> Matrix {
    var activated = x
    if let dense = slots.vectorDense {
      activated = context.arena.matrix(x.rows, out.columns)
      context.linear(out: activated, input: x, dense)
      if isTanh { tanhForward(activated) }
    }
    configuration.vector.forward(out: out, input: activated)
    return activated
  }

  /// Adds to `dX`, that of what is pooled, and to the map's gradients.
  func vectorBackward(
    dX: Matrix, dOut: Matrix, _ activations: Activations, gradient: ParameterBuffer, _ context: PassContext
  ) {
    guard let dense = slots.vectorDense else {
      return configuration.vector.backward(dX: dX, dOut: dOut, input: activations.pooled)
    }
    let d = context.arena.zeros(dOut.rows, dOut.columns)
    // out = unit(activated)
    configuration.vector.backward(dX: d, dOut: dOut, input: activations.activated)
    // activated = f(pooled·W + b)
    if isTanh { tanhBackward(d: d, output: activations.activated) }
    context.linearBackward(dInput: dX, accumulate: true, dOut: d, input: activations.pooled, dense, gradient)
  }
}

extension EncoderConfiguration {
  /// How many numbers the head gives for a row.
  package var outputs: Int {
    switch problem {
    case .embedding: vector.dense?.width ?? hiddenSize
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
