/// The characters that one place of a regular expression takes.
struct CharacterSet: Sendable {
  private var ascii: (low: UInt64, high: UInt64) = (0, 0)
  private var ranges: [ClosedRange<UInt32>] = []
  /// Beyond ASCII: members have one of these, or lack one of those.
  private var properties: CharacterClasses.Properties = []
  private var lacking: [CharacterClasses.Properties] = []
  private var isNegated = false

  @inline(__always)
  func contains(_ scalar: UInt32) -> Bool {
    if scalar < 0x80 { return (scalar < 64 ? ascii.low >> scalar : ascii.high >> (scalar - 64)) & 1 == 1 }
    return isMember(scalar) != isNegated
  }

  private func isMember(_ scalar: UInt32) -> Bool {
    let found = CharacterClasses.shared[scalar]
    return !properties.isDisjoint(with: found) || lacking.contains { $0.isDisjoint(with: found) }
      || ranges.contains { $0.contains(scalar) }
  }

  mutating func insert(_ range: ClosedRange<UInt32>) {
    for scalar in range.clamped(to: 0...0x7F) where range.contains(scalar) { insertASCII(scalar) }
    if range.upperBound > 0x7F { ranges.append(max(range.lowerBound, 0x80)...range.upperBound) }
  }

  mutating func insert(_ property: CharacterClasses.Properties, isNegated: Bool) {
    for scalar in 0..<UInt32(0x80)
    where CharacterClasses.shared[scalar].isDisjoint(with: property) == isNegated { insertASCII(scalar) }
    if isNegated { lacking.append(property) } else { properties.formUnion(property) }
  }

  mutating func negate() {
    ascii = (~ascii.low, ~ascii.high)
    isNegated.toggle()
  }

  private mutating func insertASCII(_ scalar: UInt32) {
    if scalar < 64 { ascii.low |= 1 << UInt64(scalar) } else { ascii.high |= 1 << UInt64(scalar - 64) }
  }
}
