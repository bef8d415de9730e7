/// Damage to a valid text or file: what a faulty disk, a careless editor and an attacker do.
struct Mutations {
  /// Words of the format, for inserting and exchanging.
  let words: [[UInt8]]

  /// No case grows beyond this, but for the bombs that are built on purpose.
  private static let largest = 1 << 18

  init(words: [String]) { self.words = words.map { Array($0.utf8) } + Self.anyText }

  /// What hurts in any format.
  private static let anyText: [[UInt8]] = [
    [0], [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xef, 0xbb, 0xbf], [0xe2, 0x80, 0xa8],
    [0x1b, 0x5b, 0x32, 0x4a], [0x0d], [0x0a], [0x09], [0xcc, 0x81], [0xf0, 0x9f, 0x98, 0x80], [0xe2, 0x80, 0xae],
  ]

  private static let numbers = [
    "0", "-0", "-1", "1", "127", "255", "256", "65535", "65536", "2147483647", "2147483648", "4294967295",
    "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551615", "18446744073709551616", "1e308", "1e309", "-1e309", "1e-400", "1e99999999", "1E+999",
    "0.1", "1.0", "00", "1e", "0x7f", "NaN", "Infinity", "-Infinity", ".5", "1_000",
    "123456789012345678901234567890123456789012345678901234567890",
  ]

  private static let integers: [UInt64] = [
    0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000, .max, .max - 7, 25_000_000, 1 << 40,
  ]

  /// Changes `bytes` once to several times.
  func apply(to bytes: [UInt8], others: [[UInt8]], _ random: inout RandomSource) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<(1 + random.length(upTo: 8)) {
      change(&bytes, others, &random)
      if bytes.count > Self.largest { bytes.removeSubrange(Self.largest...) }
    }
    return bytes
  }

  private func change(_ bytes: inout [UInt8], _ others: [[UInt8]], _ random: inout RandomSource) {
    let place = random.below(bytes.count + 1)
    let end = min(bytes.count, place + random.length(upTo: bytes.count - place))
    switch random.below(16) {
    case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8(random.below(8)) }
    case 1: if place < bytes.count { bytes[place] = UInt8(truncatingIfNeeded: random.next()) }
    case 2: bytes.removeSubrange(place..<end)
    case 3: if random.chance(1, in: 3) { bytes.removeSubrange(place...) }
    case 4: bytes.insert(contentsOf: (0..<random.length(upTo: 16)).map { _ in UInt8(random.below(256)) }, at: place)
    case 5: bytes.insert(contentsOf: random.pick(words), at: place)
    case 6: bytes.replaceSubrange(place..<min(end, place + 12), with: random.pick(words))
    case 7: exchangeWord(&bytes, &random)
    case 8, 9: exchangeNumber(&bytes, from: place, &random)
    case 10: setInteger(&bytes, at: place, &random)
    case 11: repeatRegion(&bytes, place..<end, &random)
    case 12: nest(&bytes, place..<end, &random)
    case 13: splice(&bytes, at: place, random.pick(others), &random)
    case 14: moveRegion(&bytes, place..<end, &random)
    default: bytes.insert(contentsOf: [UInt8](repeating: 0, count: random.length(upTo: 64)), at: place)
    }
  }

  /// Puts another word of the format where one is.
  private func exchangeWord(_ bytes: inout [UInt8], _ random: inout RandomSource) {
    let word = random.pick(words)
    guard !word.isEmpty, word.count <= bytes.count else { return }
    let start = random.below(bytes.count)
    for offset in 0..<min(bytes.count, 4096) {
      let place = (start + offset) % bytes.count
      guard place + word.count <= bytes.count, bytes[place] == word[0],
        bytes[place..<place + word.count].elementsEqual(word)
      else { continue }
      return bytes.replaceSubrange(place..<place + word.count, with: random.pick(words))
    }
  }

  private func exchangeNumber(_ bytes: inout [UInt8], from place: Int, _ random: inout RandomSource) {
    func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    guard let start = bytes[place...].firstIndex(where: isDigit) ?? bytes.firstIndex(where: isDigit) else { return }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.endIndex
    bytes.replaceSubrange(start..<end, with: random.pick(Self.numbers).utf8)
  }

  private func setInteger(_ bytes: inout [UInt8], at place: Int, _ random: inout RandomSource) {
    let width = random.pick([1, 2, 4, 8])
    var value = random.pick(Self.integers)
    for offset in place..<min(place + width, bytes.count) {
      bytes[offset] = UInt8(truncatingIfNeeded: value)
      value >>= 8
    }
  }

  private func repeatRegion(_ bytes: inout [UInt8], _ region: Range<Int>, _ random: inout RandomSource) {
    guard !region.isEmpty else { return }
    let part = Array(bytes[region])
    let bound = random.chance(1, in: 40) ? 1 << 16 : 16
    let times = min(random.length(upTo: bound), Self.largest / part.count)
    var copies: [UInt8] = []
    copies.reserveCapacity(times * part.count)
    for _ in 0..<times { copies += part }
    bytes.insert(contentsOf: copies, at: region.upperBound)
  }

  /// Wraps a region in brackets, quotes or indentation of some depth.
  private func nest(_ bytes: inout [UInt8], _ region: Range<Int>, _ random: inout RandomSource) {
    let (opening, closing) = random.pick([
      ("[", "]"), ("{\"a\":", "}"), ("{a: ", "}"), ("- ", ""), ("\"", "\""), ("? ", ""), ("'", "'"),
    ])
    let depth = random.length(upTo: random.chance(1, in: 20) ? 5_000 : 100)
    bytes.insert(contentsOf: String(repeating: closing, count: depth).utf8, at: region.upperBound)
    bytes.insert(contentsOf: String(repeating: opening, count: depth).utf8, at: region.lowerBound)
  }

  private func splice(_ bytes: inout [UInt8], at place: Int, _ other: [UInt8], _ random: inout RandomSource) {
    let start = random.below(other.count + 1)
    let part = other[start..<min(other.count, start + random.length(upTo: other.count - start))]
    if random.chance(1, in: 3) {
      bytes.replaceSubrange(place..., with: part)
    } else {
      bytes.insert(contentsOf: part, at: place)
    }
  }

  private func moveRegion(_ bytes: inout [UInt8], _ region: Range<Int>, _ random: inout RandomSource) {
    let part = Array(bytes[region])
    bytes.removeSubrange(region)
    bytes.insert(contentsOf: part, at: random.below(bytes.count + 1))
  }
}
