import JSON

/// `Precompiled`: SentencePiece's map of characters, a double-array trie of what is replaced and a text of what by.
struct CharacterMap: Sendable {
  /// As the file has it, in base 64.
  let encoded: String
  /// The trie's units: label, flags and where the children are, in Darts' packing.
  private let units: [UInt32]
  /// What keys become, each ended by a zero byte.
  private let replacements: [UInt8]

  static let maximumBytes = 16 << 20

  init(_ field: JSONField) throws(TokenizerError) {
    guard let encoded = try field.string() else { throw field.error(expected: "a map in base 64") }
    guard encoded.utf8.count <= Self.maximumBytes, let bytes = Base64.decode(encoded.utf8), bytes.count >= 4 else {
      throw TokenizerError(
        field.file, "\(field.path): expected a map in base 64 of at most \(Self.maximumBytes) characters")
    }
    func unit(_ place: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) } }
    let size = Int(unit(0))
    guard size % 4 == 0, size > 0, size <= bytes.count - 4 else {
      throw TokenizerError(
        field.file, "\(field.path): expected a trie of at most \(bytes.count - 4) bytes, found \(size)")
    }
    self.encoded = encoded
    units = (0..<size / 4).map { unit(4 + 4 * $0) }
    replacements = Array(bytes[(4 + size)...])
    guard UTF8Text.firstInvalid(replacements[...]) == nil else {
      throw TokenizerError(field.file, "\(field.path): expected replacements in UTF-8")
    }
  }

  /// In bytes.
  var longestReplacement: Int { replacements.split(separator: 0).map(\.count).max() ?? 1 }

  func normalize(_ text: inout NormalizedText) {
    var changes: [(scalar: UInt32, change: Int)] = []
    changes.reserveCapacity(text.bytes.count)
    var isChanged = false
    let bytes = text.bytes[...]
    var index = 0
    while index < bytes.endIndex {
      let start = index
      let count = Self.skipCluster(bytes, &index)
      // The library looks only at short clusters as a whole.
      if index - start < 6, let replacement = replacement(of: bytes[start..<index]) {
        isChanged = true
        Self.replace(count, by: replacement, &changes)
        continue
      }
      var place = start
      while place < index {
        let from = place
        let scalar = UTF8Text.next(bytes, &place)
        if count > 1, let replacement = replacement(of: bytes[from..<place]) {
          isChanged = true
          Self.replace(1, by: replacement, &changes)
        } else {
          changes.append((scalar, 0))
        }
      }
    }
    guard isChanged else { return }
    text.rewrite { _, rewriter in
      for (scalar, change) in changes { rewriter.emit(scalar, change: change) }
    }
  }

  private static func replace(
    _ count: Int, by replacement: ArraySlice<UInt8>, _ changes: inout [(scalar: UInt32, change: Int)]
  ) {
    let first = changes.count
    var index = replacement.startIndex
    while index < replacement.endIndex { changes.append((UTF8Text.next(replacement, &index), 0)) }
    let more = changes.count - first - count
    if more > 0 {
      for place in (changes.count - more)..<changes.count { changes[place].change = 1 }
    } else if !changes.isEmpty {
      changes[changes.count - 1].change += more
    }
  }

  /// What the shortest key that `text` starts with becomes: the library takes the first it finds.
  @inline(__always)
  private func replacement(of text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var place = offset(units[0])
    for byte in text {
      if byte == 0 { return nil }
      place ^= Int(byte)
      guard place < units.count, units[place] & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
      let unit = units[place]
      place ^= offset(unit)
      guard unit >> 8 & 1 == 1 else { continue }
      guard place < units.count else { return nil }
      let start = Int(units[place] & (1 << 31 - 1))
      guard start <= replacements.count else { return nil }
      let end = replacements[start...].firstIndex(of: 0) ?? replacements.count
      // A place within a character is damage.
      guard start == end || replacements[start] & 0xC0 != 0x80 else { return nil }
      return replacements[start..<end]
    }
    return nil
  }

  @inline(__always)
  private func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }

  /// Moves past a grapheme cluster and says how many scalars it has. Clusters of 6 bytes and more may come in parts:
  /// syllables of Hangul, flags and joined emoji.
  private static func skipCluster(_ bytes: ArraySlice<UInt8>, _ index: inout Int) -> Int {
    let classes = CharacterClasses.shared
    var count = 1
    let first = UTF8Text.next(bytes, &index)
    if first < 0x80, index == bytes.endIndex || bytes[index] < 0x80 {
      guard first == 0x0D, index < bytes.endIndex, bytes[index] == 0x0A else { return 1 }
      index += 1
      return 2
    }
    var last = classes[first]
    while index < bytes.endIndex, !last.contains(.control) {
      var next = index
      let properties = classes[UTF8Text.next(bytes, &next)]
      let isPrepended = last.contains(.prepended) && !properties.contains(.control)
      guard properties.contains(.joining) || isPrepended else { break }
      (index, last, count) = (next, properties, count + 1)
    }
    return count
  }
}

private enum Base64 {
  static func decode(_ text: String.UTF8View) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    var (bits, count, padding) = (UInt32(0), 0, 0)
    for character in text {
      let value: UInt8
      switch character {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - UInt8(ascii: "A")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - UInt8(ascii: "a") + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0") + 52
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      case UInt8(ascii: "="):
        padding += 1
        continue
      default: return nil
      }
      guard padding == 0 else { return nil }
      bits = bits << 6 | UInt32(value)
      count += 1
      if count % 4 == 0 { bytes += [UInt8(bits >> 16 & 0xFF), UInt8(bits >> 8 & 0xFF), UInt8(bits & 0xFF)] }
    }
    guard padding <= 2, (count + padding) % 4 == 0 else { return nil }
    switch count % 4 {
    case 2: bytes.append(UInt8(bits >> 4 & 0xFF))
    case 3: bytes += [UInt8(bits >> 10 & 0xFF), UInt8(bits >> 2 & 0xFF)]
    default: break
    }
    return bytes
  }
}
