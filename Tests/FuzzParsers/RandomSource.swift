/// SplitMix64 (Steele et al. 2014): every case has a stream of its own, found again from its number.
struct RandomSource: RandomNumberGenerator {
  private var state: UInt64

  init(_ keys: UInt64...) {
    state = keys.reduce(0x9E37_79B9_7F4A_7C15) { state, key in
      var mixed = RandomSource(state: state ^ key)
      return mixed.next()
    }
  }

  private init(state: UInt64) { self.state = state }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<Swift.max(1, bound), using: &self) }

  mutating func chance(_ numerator: Int, in denominator: Int) -> Bool { below(denominator) < numerator }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

  /// Mostly short, now and then as long as `bound`.
  mutating func length(upTo bound: Int) -> Int {
    guard bound > 0 else { return 0 }
    let bits = below(Int.bitWidth - bound.leadingZeroBitCount) + 1
    return Swift.min(bound, 1 + below(1 << bits))
  }
}
