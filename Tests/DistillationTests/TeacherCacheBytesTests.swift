import Dispatch
import Kernels
import Testing

@testable import Distillation

/// The conversions and hashes that the cache is made of.
struct TeacherCacheBytesTests {
  @Test(
    "SHA-256 of the standard's examples",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func secureHash(text: String, digest: String) {
    for portable in [false, true] {
      #expect(Array(text.utf8).withUnsafeBytes { "\(SHA256(of: $0, portable: portable))" } == digest)
    }
  }

  @Test("SHA-256 is the same with and without the processor's instructions")
  func secureHashIsPortable() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 167 ^ $0 >> 3) }
    for count in Array(0...200) + [511, 512, 513, 1000] {
      bytes.prefix(count).withUnsafeBytes { #expect(SHA256(of: $0) == SHA256(of: $0, portable: true)) }
    }
  }

  @Test(
    "XXH64 of known texts",
    arguments: [
      ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
      ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
    ] as [(String, UInt64)])
  func checksums(text: String, sum: UInt64) {
    #expect(Array(text.utf8).withUnsafeBytes { checksum($0) } == sum)
  }

  @Test("every half survives as a float")
  func halvesSurvive() {
    // Without infinities and NaN, whose exponent is all ones.
    let halves = (0...UInt16.max).filter { $0 & 0x7C00 != 0x7C00 }
    var floats = [Float](repeating: 0, count: halves.count)
    halves.withUnsafeBytes { decodeHalves(&floats, from: $0.baseAddress!, count: halves.count) }
    for (half, float) in zip(halves, floats) { #expect(float == value(half)) }
    var back = [UInt16](repeating: 0, count: halves.count)
    let fits = back.withUnsafeMutableBytes { encodeHalves($0.baseAddress!, from: floats, count: halves.count) }
    #expect(fits && back == halves)
  }

  @Test("floats are rounded to the nearest half, ties to even, on any length", arguments: 1...40)
  func rounding(count: Int) {
    let cases: [(Float, UInt16)] = [
      (1, 0x3C00), (-2, 0xC000), (1 / 3, 0x3555), (65_504, 0x7BFF), (65_519, 0x7BFF), (1 + 0x1p-11, 0x3C00),
      (1 + 3 * 0x1p-11, 0x3C02), (0x1p-24, 0x0001), (0x1p-26, 0x0000), (-0.0, 0x8000),
    ]
    let floats = (0..<count).map { cases[$0 % cases.count].0 }
    var halves = [UInt16](repeating: 0xFFFF, count: count + 1)
    let fits = halves.withUnsafeMutableBytes { encodeHalves($0.baseAddress!, from: floats, count: count) }
    #expect(fits && halves == (0..<count).map { cases[$0 % cases.count].1 } + [0xFFFF])
  }

  @Test("what a half cannot hold is refused", arguments: [65_520, -65_520, 1e30, Float.infinity, -.infinity, .nan])
  func overflow(value: Float) {
    for count in [1, 16, 17, 33] {
      for position in [0, count / 2, count - 1] {
        var floats = [Float](repeating: 1, count: count)
        floats[position] = value
        var halves = [UInt16](repeating: 0, count: count)
        #expect(!halves.withUnsafeMutableBytes { encodeHalves($0.baseAddress!, from: floats, count: count) })
      }
    }
  }

  /// By its definition (IEEE 754, binary16).
  private func value(_ half: UInt16) -> Float {
    let sign: Float = half & 0x8000 == 0 ? 1 : -1
    let (exponent, fraction) = (Int(half >> 10 & 31), Float(half & 0x3FF))
    return exponent == 0
      ? sign * fraction * 0x1p-24
      : sign * Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
  }
}

/// Runs `body` on as many threads at once.
func concurrent(_ threads: Int, _ body: @Sendable (Int) -> Void) {
  DispatchQueue.concurrentPerform(iterations: threads, execute: body)
}
