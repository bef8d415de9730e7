import Kernels
import Testing

struct BFloat16Tests {
  private func encoded(_ floats: [Float]) -> [UInt16] {
    // One more, which must stay.
    var bits = [UInt16](repeating: 0xFFFF, count: floats.count + 1)
    bits.withUnsafeMutableBytes { encodeBFloat16($0.baseAddress!, from: floats, count: floats.count) }
    #expect(bits.last == 0xFFFF)
    return bits.dropLast()
  }

  @Test("every bfloat16 survives as a float")
  func survive() {
    // Without signalling NaN, which is made quiet.
    let bits = (UInt16.min...UInt16.max).filter { (code: UInt16) -> Bool in
      let (isSpecial, fraction) = (code & 0x7F80 == 0x7F80, code & 0x7F)
      return !isSpecial || fraction == 0 || fraction & 0x40 != 0
    }
    var floats = [Float](repeating: 0, count: bits.count)
    bits.withUnsafeBytes { decodeBFloat16(&floats, from: $0.baseAddress!, count: bits.count) }
    #expect(floats.map(\.bitPattern) == bits.map { UInt32($0) << 16 })
    #expect(encoded(floats) == bits)
  }

  @Test("floats are rounded to the nearest, ties to even, on any length", arguments: 1...40)
  func rounding(count: Int) {
    let cases: [(Float, UInt16)] = [
      (1, 0x3F80), (-2, 0xC000), (1 + 0x1p-8, 0x3F80), (1 + 0x1p-8 + 0x1p-20, 0x3F81), (1 + 3 * 0x1p-8, 0x3F82),
      (-0.0, 0x8000), (.greatestFiniteMagnitude, 0x7F80), (-.infinity, 0xFF80), (0x1p-149, 0x0000),
    ]
    let expected = (0..<count).map { cases[$0 % cases.count] }
    #expect(encoded(expected.map(\.0)) == expected.map(\.1))
  }

  @Test(
    "a NaN stays one, whatever its bits", arguments: [0x7F80_0001, 0x7FFF_FFFF, 0xFF80_0001, 0x7FC0_0000] as [UInt32])
  func notANumber(bits: UInt32) {
    for count in [1, 16, 17] {
      for code in encoded([Float](repeating: Float(bitPattern: bits), count: count)) {
        #expect(code & 0x7F80 == 0x7F80 && code & 0x7F != 0)
      }
    }
  }
}
