import Glibc
import Kernels

extension ParameterBuffer {
  /// Fills parameters with what they start from.
  ///
  /// A parameter's numbers depend on `seed` and its key alone, so every rank draws the same.
  package func initialize(_ entries: [ParameterLayout.Entry], seed: UInt64) {
    for entry in entries {
      let values = self[entry.slot].values
      switch entry.initializer {
      case .zeros: values.update(repeating: 0)
      case .ones: values.update(repeating: 1)
      case .normal(let deviation):
        var generator = NormalGenerator(seed: seed, key: entry.key)
        for index in values.indices { values[index] = deviation * generator.next() }
      case .sines:
        let columns = entry.slot.columns
        for index in values.indices {
          let (row, column) = index.quotientAndRemainder(dividingBy: columns)
          let angle = Double(row) / pow(10_000, Double(column / 2 * 2) / Double(columns))
          values[index] = Float(column % 2 == 0 ? sin(angle) : cos(angle))
        }
      }
    }
  }
}

/// Standard normal numbers by Box and Muller's transform of SplitMix64.
private struct NormalGenerator {
  private var state: UInt64
  private var spare: Float?

  init(seed: UInt64, key: String) {
    // FNV-1a, so that neighbouring keys do not start with neighbouring states.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in key.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    state = hash ^ (seed &* 0x9E37_79B9_7F4A_7C15)
  }

  mutating func next() -> Float {
    if let spare {
      self.spare = nil
      return spare
    }
    // uniform() is in (0, 1], where the logarithm is finite.
    let radius = (-2 * log(uniform())).squareRoot()
    let angle = 2 * Double.pi * uniform()
    spare = Float(radius * sin(angle))
    return Float(radius * cos(angle))
  }

  private mutating func uniform() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    mixed ^= mixed >> 31
    return Double((mixed >> 11) + 1) / Double(1 << 53)
  }
}
