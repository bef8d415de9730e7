import Kernels
import Text

/// One thing that can be seen of a model while it runs.
///
/// A new kind is a case here, its layers and shape below, and what computes it (`Encoder.run` and, if losses may read
/// it, its backward pass). Selection, gradients, the teacher's cache, exported features and costs go by these.
package struct Tap: Hashable, Sendable {
  package enum Kind: String, Sendable, CaseIterable {
    /// A layer's output; of layer 0 the embeddings'.
    case hidden
    /// Attention scores before the softmax, scaled by 1/√headSize.
    case scores
    /// The projections of a layer's input, heads side by side.
    case queries
    case keys
    case values
    /// What the head's last map reads, before dropout: BERT's pooler output.
    case pooled
    /// What the head gives: of a model of sentence vectors, these.
    case logits
  }

  package let kind: Kind
  /// From 1; hidden state 0 is the embeddings' output. 0 for what belongs to the head.
  package let layer: Int

  package init(_ kind: Kind, layer: Int) {
    self.kind = kind
    self.layer = layer
  }

  package static func hidden(_ layer: Int) -> Tap { Tap(.hidden, layer: layer) }
  package static func scores(_ layer: Int) -> Tap { Tap(.scores, layer: layer) }
  package static let pooled = Tap(.pooled, layer: 0)
  package static let logits = Tap(.logits, layer: 0)

  /// How a tap's numbers lie.
  package enum Shape: Sendable, Equatable {
    /// (tokens, width)
    case tokens(width: Int)
    /// Heads side by side. (tokens, heads · size)
    case heads(Int, size: Int)
    /// (length, length) of each sentence and head
    case maps(heads: Int)
    /// (sentences, width)
    case sentences(width: Int)
  }

  package func shape(in configuration: EncoderConfiguration) -> Shape {
    switch kind {
    case .hidden: .tokens(width: configuration.hiddenSize)
    case .scores: .maps(heads: configuration.heads)
    case .queries, .keys, .values: .heads(configuration.heads, size: configuration.headSize)
    case .pooled: ofHead(width: configuration.hiddenSize, configuration)
    case .logits: ofHead(width: configuration.outputs, configuration)
    }
  }
}

extension Tap {
  private func ofHead(width: Int, _ configuration: EncoderConfiguration) -> Shape {
    configuration.headRows == .all ? .tokens(width: width) : .sentences(width: width)
  }
}

extension Tap.Kind {
  /// What a layer projects its input to.
  static let projections: [Self] = [.queries, .keys, .values]

  /// Whether it belongs to the head, which reads the last layer.
  package var isOfHead: Bool { self == .pooled || self == .logits }

  /// The layers that have one. The head's are of layer 0.
  package func layers(in configuration: EncoderConfiguration) -> ClosedRange<Int> {
    if isOfHead { return 0...0 }
    return self == .hidden ? 0...configuration.layers : 1...configuration.layers
  }
}

extension Tap: Comparable {
  /// Kind by kind in the order of their declaration, layers upwards.
  package static func < (a: Tap, b: Tap) -> Bool { (a.kind.order, a.layer) < (b.kind.order, b.layer) }
}

extension Tap.Kind {
  fileprivate var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

extension Tap.Shape {
  /// The numbers of a tap over some text.
  ///
  /// - Parameter padded: as they lie in memory, where rows of maps are whole vectors.
  package func count(_ text: TextFigures, padded: Bool) -> Double {
    switch self {
    case .tokens(let width): text.tokens * Double(width)
    case .heads(let heads, let size): text.tokens * Double(heads * size)
    case .maps(let heads): Double(heads) * (padded ? text.mapElements : text.squares)
    case .sentences(let width): text.sentences * Double(width)
    }
  }

  /// The numbers of a tap over one sentence; `nil` where there are more than any memory holds.
  package func count(length: Int) -> Int? {
    func product(_ factors: Int...) -> Int? {
      var result = 1
      for factor in factors {
        let (partial, overflow) = result.multipliedReportingOverflow(by: factor)
        guard factor >= 0, !overflow, partial < 1 << 48 else { return nil }
        result = partial
      }
      return result
    }
    return switch self {
    case .tokens(let width): product(length, width)
    case .heads(let heads, let size): product(length, heads, size)
    case .maps(let heads): product(length, length, heads)
    case .sentences(let width): product(width)
    }
  }

  /// Memory for a tap of a batch.
  package func allocate(_ batch: Batch, arena: Arena) -> TapValue {
    switch self {
    case .tokens(let width): .matrix(arena.matrix(batch.tokens.count, width))
    case .heads(let heads, let size): .matrix(arena.matrix(batch.tokens.count, heads * size))
    case .maps(let heads): .maps(AttentionMaps(batch, heads: heads, arena: arena))
    case .sentences(let width): .matrix(arena.matrix(batch.sentences, width))
    }
  }
}
