/// Reading of UTF-8 that has been validated, one scalar at a time.
enum UTF8Text {
  /// The scalar at `index`, which moves past it. A byte that starts no complete sequence reads as U+FFFD.
  @inline(__always)
  static func next(_ bytes: ArraySlice<UInt8>, _ index: inout Int) -> UInt32 {
    let first = bytes[index]
    index += 1
    if first < 0x80 { return UInt32(first) }
    let (trailing, mask): (Int, UInt8) = first >= 0xF0 ? (3, 0x07) : first >= 0xE0 ? (2, 0x0F) : (1, 0x1F)
    guard first >= 0xC0, bytes.endIndex - index >= trailing else { return 0xFFFD }
    var scalar = UInt32(first & mask)
    for _ in 0..<trailing {
      scalar = scalar << 6 | UInt32(bytes[index] & 0x3F)
      index += 1
    }
    return scalar
  }

  /// The scalar that ends before `index`, or nil at the start.
  static func last(_ bytes: ArraySlice<UInt8>, before index: Int) -> UInt32? {
    guard index > bytes.startIndex else { return nil }
    var start = index - 1
    while start > bytes.startIndex, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return next(bytes, &start)
  }

  /// Where the whitespace that ends at `index` starts, or nil if there is none.
  static func whitespace(_ bytes: ArraySlice<UInt8>, endingAt index: Int) -> Int? {
    guard let scalar = last(bytes, before: index), CharacterClasses.shared[scalar].contains(.whitespace) else {
      return nil
    }
    return index - UTF8.width(Unicode.Scalar(scalar) ?? " ")
  }

  /// Where the whitespace that starts at `index` ends, or nil if there is none.
  static func whitespace(_ bytes: ArraySlice<UInt8>, startingAt index: Int) -> Int? {
    guard index < bytes.endIndex else { return nil }
    var end = index
    return CharacterClasses.shared[next(bytes, &end)].contains(.whitespace) ? end : nil
  }

  @inline(__always)
  static func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
    switch scalar {
    case ..<0x80:
      bytes.append(UInt8(truncatingIfNeeded: scalar))
    case ..<0x800:
      bytes.append(0xC0 | UInt8(truncatingIfNeeded: scalar >> 6))
      bytes.append(trailing(scalar))
    case ..<0x10000:
      bytes.append(0xE0 | UInt8(truncatingIfNeeded: scalar >> 12))
      bytes.append(trailing(scalar >> 6))
      bytes.append(trailing(scalar))
    default:
      bytes.append(0xF0 | UInt8(truncatingIfNeeded: scalar >> 18))
      bytes.append(trailing(scalar >> 12))
      bytes.append(trailing(scalar >> 6))
      bytes.append(trailing(scalar))
    }
  }

  @inline(__always)
  private static func trailing(_ bits: UInt32) -> UInt8 {
    0x80 | UInt8(truncatingIfNeeded: bits & 0x3F)
  }

  /// Where `bytes` stop being UTF-8, or nil when all of them are.
  static func firstInvalid(_ bytes: ArraySlice<UInt8>) -> Int? {
    var index = bytes.startIndex
    let end = bytes.endIndex
    while index < end {
      let first = bytes[index]
      if first < 0x80 {
        index += 1
        continue
      }
      // Table 3-7 of the Unicode standard: which second bytes rule out overlong forms, surrogates and beyond U+10FFFF.
      let length: Int
      let second: ClosedRange<UInt8>
      switch first {
      case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
      case 0xE0: (length, second) = (3, 0xA0...0xBF)
      case 0xED: (length, second) = (3, 0x80...0x9F)
      case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
      case 0xF0: (length, second) = (4, 0x90...0xBF)
      case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
      case 0xF4: (length, second) = (4, 0x80...0x8F)
      default: return index
      }
      guard end - index >= length, second.contains(bytes[index + 1]) else { return index }
      for trailing in (index + 2)..<max(index + length, index + 2) where bytes[trailing] & 0xC0 != 0x80 { return index }
      index += length
    }
    return nil
  }
}
