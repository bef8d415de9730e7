import Kernels
import Text

/// A tap's numbers, or their gradients.
package enum TapValue {
  case matrix(Matrix)
  case maps(AttentionMaps)

  package var matrix: Matrix? { if case .matrix(let matrix) = self { matrix } else { nil } }
  package var maps: AttentionMaps? { if case .maps(let maps) = self { maps } else { nil } }
}

/// What a forward pass was asked to keep. Memory belongs to the pass's arena.
package struct Taps {
  private var values: [Tap: TapValue] = [:]

  /// Nothing kept.
  package init() {}

  /// Taps that do not come from a pass: read from where an earlier one's were kept.
  package init(_ values: [Tap: TapValue]) { self.values = values }

  package internal(set) subscript(tap: Tap) -> TapValue? {
    get { values[tap] }
    set { values[tap] = newValue }
  }

  /// What was kept, in order.
  package var all: [(tap: Tap, value: TapValue)] {
    values.sorted { $0.key < $1.key }.map { (tap: $0.key, value: $0.value) }
  }

  /// A tap that was asked for, and is no map.
  package func matrix(_ tap: Tap) -> Matrix {
    guard let matrix = values[tap]?.matrix else { preconditionFailure("\(tap) was not asked for") }
    return matrix
  }

  /// A tap that was asked for, and is maps.
  package func maps(_ tap: Tap) -> AttentionMaps {
    guard let maps = values[tap]?.maps else { preconditionFailure("\(tap) was not asked for") }
    return maps
  }
}

/// Gradients of a loss in a model's taps. Each starts as zeros when it is first asked for, and losses add to it.
package final class TapGradients {
  private let taps: Taps
  private let batch: Batch
  private let arena: Arena
  private var dValues: [Tap: TapValue] = [:]

  package init(_ taps: Taps, batch: Batch, arena: Arena) {
    self.taps = taps
    self.batch = batch
    self.arena = arena
  }

  /// The gradient of a tap that is no map.
  package func matrix(_ tap: Tap) -> Matrix {
    if let matrix = dValues[tap]?.matrix { return matrix }
    let value = taps.matrix(tap)
    let matrix = arena.zeros(value.rows, value.columns)
    dValues[tap] = .matrix(matrix)
    return matrix
  }

  /// The gradient of a tap of maps.
  package func maps(_ tap: Tap) -> AttentionMaps {
    if let maps = dValues[tap]?.maps { return maps }
    let maps = AttentionMaps(batch, heads: taps.maps(tap).heads, arena: arena)
    maps.fill(0)
    dValues[tap] = .maps(maps)
    return maps
  }

  /// A gradient that some loss asked for.
  package subscript(tap: Tap) -> TapValue? { dValues[tap] }

  /// The highest layer with a gradient; nothing above it needs a backward pass.
  var highestLayer: Int { dValues.keys.lazy.map(\.layer).max() ?? 0 }
}
