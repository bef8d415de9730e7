import Kernels

/// What a stage wants to see of a model, and so what its forward pass must keep.
package struct TapSelection: Sendable, Equatable {
  private var taps: Set<Tap> = []

  package init() {}

  package init(_ kind: Tap.Kind, layers: some Sequence<Int>) { taps = Set(layers.map { Tap(kind, layer: $0) }) }

  /// All that there is of a model.
  package init(allOf configuration: EncoderConfiguration, head: Bool) {
    for kind in Tap.Kind.allCases where head || !kind.isOfHead {
      self.formUnion(TapSelection(kind, layers: kind.layers(in: configuration)))
    }
  }

  package var isEmpty: Bool { taps.isEmpty }
  package var inOrder: [Tap] { taps.sorted() }

  package func contains(_ tap: Tap) -> Bool { taps.contains(tap) }
  package mutating func insert(_ tap: Tap) { taps.insert(tap) }
  package mutating func formUnion(_ other: TapSelection) { taps.formUnion(other.taps) }

  package func union(_ other: TapSelection) -> TapSelection {
    var union = self
    union.formUnion(other)
    return union
  }

  /// The layers of one kind.
  package subscript(kind: Tap.Kind) -> Set<Int> {
    get { Set(taps.lazy.filter { $0.kind == kind }.map(\.layer)) }
    set {
      taps = taps.filter { $0.kind != kind }
      taps.formUnion(newValue.map { Tap(kind, layer: $0) })
    }
  }

  /// Whether the head must run.
  package var readsHead: Bool { taps.contains { $0.kind.isOfHead } }
  /// Whether nothing but the head is read.
  package var readsHeadOnly: Bool { !isEmpty && taps.allSatisfy { $0.kind.isOfHead } }

  /// The number of layers that must run.
  package func depth(of configuration: EncoderConfiguration) -> Int {
    readsHead ? configuration.layers : taps.lazy.map(\.layer).max() ?? 0
  }

  /// Whether some of a layer's queries, keys and values are kept.
  func readsProjections(at layer: Int) -> Bool {
    Tap.Kind.projections.contains { contains(Tap($0, layer: layer)) }
  }

  /// What a layer must do, of the `depth` that run. The highest one only does what its taps or the head read.
  func work(at layer: Int, of configuration: EncoderConfiguration) -> (output: OutputRows?, need: QKV.Need) {
    let headReadsAll = readsHead && configuration.headReadsAllTokens
    if layer < depth(of: configuration) || contains(.hidden(layer)) || headReadsAll { return (.all, .everything) }
    func reads(_ kinds: Tap.Kind...) -> Bool { kinds.contains { contains(Tap($0, layer: layer)) } }
    let readsQueries = reads(.scores, .queries)
    if readsHead { return (.first, QKV.Need(queries: readsQueries ? .all : .first, keys: true, values: true)) }
    return (nil, QKV.Need(queries: readsQueries ? .all : nil, keys: reads(.scores, .keys), values: reads(.values)))
  }
}

extension TapSelection: ExpressibleByArrayLiteral {
  package init(arrayLiteral taps: Tap...) { self.taps = Set(taps) }
}
