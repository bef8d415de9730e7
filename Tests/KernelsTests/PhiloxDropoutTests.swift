import Kernels
import Testing

/// Dropout's masks against Philox4x32-10, written from its paper (Salmon et al., 2011).
struct PhiloxDropoutTests {
  static func philox(_ counter: [UInt32], key: [UInt32]) -> [UInt32] {
    var (c, k) = (counter, key)
    for round in 0..<10 {
      if round > 0 { k = [k[0] &+ 0x9E37_79B9, k[1] &+ 0xBB67_AE85] }
      let a = UInt32(0xD251_1F53).multipliedFullWidth(by: c[0])
      let b = UInt32(0xCD9E_8D57).multipliedFullWidth(by: c[2])
      c = [b.high ^ c[1] ^ k[0], b.low, a.high ^ c[3] ^ k[1], a.low]
    }
    return c
  }

  /// Element 32·word + 16·half + lane of a group of 128 takes a half of a word of the counter 16·group + lane.
  private static func bits(_ index: Int, key: DropoutKey, sample: UInt32, site: UInt32) -> UInt32 {
    let (group, inGroup) = (index / 128, index % 128)
    let (word, half, lane) = (inGroup / 32, inGroup / 16 % 2, inGroup % 16)
    let words = philox([UInt32(16 * group + lane), site, sample, 0], key: [key.seed, key.step])
    return half == 0 ? words[word] & 0xFFFF : words[word] >> 16
  }

  @Test("the reference gives the known answers published with Random123")
  func knownAnswers() {
    let ones = UInt32.max
    #expect(
      Self.philox([0, 0, 0, 0], key: [0, 0]) == [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8])
    #expect(
      Self.philox([ones, ones, ones, ones], key: [ones, ones])
        == [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD])
    #expect(
      Self.philox([0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], key: [0xA409_3822, 0x299F_31D0])
        == [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1])
  }

  @Test("the first counter's published halves decide elements 0, 16, 32…")
  func knownAnswersAsMasks() {
    let halves: [Float] = [0xE8D5, 0x6627, 0xC58D, 0xE169, 0xAC4C, 0xBC57, 0xDBD8, 0x9B00]
    for (part, half) in halves.enumerated() {
      for (limit, kept) in [(half, true), (half + 1, false)] {
        let x = FencedMatrix(1, 128, in: 1...1)
        dropout(x.view, rate: limit / 65536, key: DropoutKey(seed: 0, step: 0), sample: 0, site: 0)
        #expect((x.view[0, 16 * part] != 0) == kept, "element \(16 * part) at \(limit)/65536")
      }
    }
  }

  @Test("masks are the generator's bits, and what is kept is scaled", arguments: awkwardSizes + [128, 129, 1000])
  func masks(count: Int) {
    let keys: [(DropoutKey, Int, Int)] = [
      (DropoutKey(seed: 2022, step: 0), 0, 0), (DropoutKey(seed: .max, step: 7), 123_456, 1 << 17 | 5),
      (DropoutKey(seed: 1, step: .max), Int(UInt32.max), 3 << 17 | 1 << 16),
    ]
    for (key, sample, site) in keys {
      for rate in [0.1, 0.5, 0.9] as [Float] {
        let x = FencedMatrix(1, count)
        // 16 random bits an element: the rate is rounded to that.
        let limit = UInt32((Double(rate) * 65536).rounded())
        let expected = x.rows[0].indices.map { index in
          Self.bits(index, key: key, sample: UInt32(sample), site: UInt32(site)) < limit
            ? 0 : x.rows[0][index] * 65536 / Double(65536 - limit)
        }
        dropout(x.view, rate: rate, key: key, sample: sample, site: site)
        #expect(largestError(x.rows, [expected]) < 4e-6)
      }
    }
  }

  @Test("about as many are dropped as asked, and the mean stays", arguments: [0.01, 0.1, 0.3, 0.5, 0.9] as [Float])
  func rate(rate: Float) {
    let count = 1 << 20
    let x = FencedMatrix(1024, 1024, in: 1...1)
    dropout(x.view, rate: rate, key: DropoutKey(seed: 5, step: 6), sample: 7, site: 8)
    let dropped = x.view.values.count { $0 == 0 }
    let deviation = (Double(count) * Double(rate) * Double(1 - rate)).squareRoot()
    #expect(abs(Double(dropped) - Double(rate) * Double(count)) < 5 * deviation)
    let mean = x.view.values.reduce(0.0) { $0 + Double($1) } / Double(count)
    #expect(abs(mean - 1) < 5 * deviation / Double(count) / Double(1 - rate))
  }

  @Test("rate 0 leaves everything, rate 1 nothing")
  func extremes() {
    let x = FencedMatrix(1, 100)
    let before = x.rows
    dropout(x.view, rate: 0, key: DropoutKey(seed: 1, step: 2), sample: 3, site: 4)
    #expect(x.rows == before)
    dropout(x.view, rate: 1, key: DropoutKey(seed: 1, step: 2), sample: 3, site: 4)
    #expect(x.rows[0].allSatisfy { $0 == 0 })
  }

  @Test("seed, step, sample, site and part each change the mask")
  func keysDiffer() {
    func mask(seed: UInt32 = 1, step: UInt32 = 1, sample: Int = 1, site: Int = 1, part: Int = 0) -> [[Double]] {
      let x = FencedMatrix(1, 500, in: 1...1)
      dropout(x.view, rate: 0.5, key: DropoutKey(seed: seed, step: step), sample: sample, site: site, part: part)
      return x.rows
    }
    let all = [mask(), mask(seed: 2), mask(step: 2), mask(sample: 2), mask(site: 2), mask(part: 1)]
    for (index, one) in all.enumerated() { for other in all[..<index] { #expect(one != other) } }
    #expect(mask() == mask())
  }
}
