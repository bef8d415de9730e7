/// What the `tokenizers` library takes each code point for.
struct CharacterClasses: Sendable {
  struct Properties: OptionSet, Sendable {
    let rawValue: UInt16

    /// Dropped by `clean_text`.
    static let removed = Properties(rawValue: 1)
    static let whitespace = Properties(rawValue: 1 << 1)
    static let punctuation = Properties(rawValue: 1 << 2)
    /// Set apart by `handle_chinese_chars`.
    static let ideograph = Properties(rawValue: 1 << 3)
    /// What a `single_word` added token may not touch.
    static let word = Properties(rawValue: 1 << 4)
    /// Dropped by `strip_accents`.
    static let mark = Properties(rawValue: 1 << 5)
    /// A mark of combining class 0.
    static let startingMark = Properties(rawValue: 1 << 6)
    /// Kept by `strip_accents`, with a combining class.
    static let combining = Properties(rawValue: 1 << 7)
    /// Replaced by `strip_accents`.
    static let decomposed = Properties(rawValue: 1 << 8)
    /// Replaced by `lowercase`.
    static let lowered = Properties(rawValue: 1 << 9)
  }

  static let shared = CharacterClasses()

  /// Which block of 256 entries in `properties` holds the properties of each 256 code points; most share the first.
  private var blocks = [UInt16](repeating: 0, count: 0x1100)
  private var properties = [UInt16](repeating: 0, count: 256)
  private var combiningClasses: [UInt32: UInt8] = [:]
  private var decompositions: [UInt32: [UInt32]] = [:]
  private var lowercase: [UInt32: [UInt32]] = [:]

  private init() {
    mark(CharacterTables.removed, .removed)
    mark(CharacterTables.whitespace, .whitespace)
    mark(CharacterTables.punctuation, .punctuation)
    mark(CharacterTables.ideographs, .ideograph)
    mark(CharacterTables.wordCharacters, .word)
    mark(CharacterTables.marks, .mark)
    mark(CharacterTables.startingMarks, .startingMark)
    mark(Self.hangulSyllables, .decomposed)
    var reader = TableReader(CharacterTables.combiningClasses)
    while let combiningClass = reader.number(radix: 10), reader.skip(":") {
      while let range = reader.range() {
        mark(range, .combining)
        for scalar in range { combiningClasses[scalar] = UInt8(truncatingIfNeeded: combiningClass) }
        guard reader.skip(",") else { break }
      }
    }
    decompositions = mappings(CharacterTables.stripped, .decomposed)
    lowercase = mappings(CharacterTables.lowered, .lowered)
  }

  @inline(__always)
  subscript(scalar: UInt32) -> Properties {
    Properties(rawValue: properties[Int(blocks[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)])
  }

  /// The canonical combining class of a scalar that `strip_accents` keeps.
  func combiningClass(_ scalar: UInt32) -> UInt8 {
    combiningClasses[scalar] ?? 0
  }

  /// The canonical decomposition without its marks.
  func decomposition(_ scalar: UInt32) -> [UInt32] {
    // Hangul syllables are decomposed by arithmetic: section 3.12 of the Unicode standard.
    if let syllable = Self.hangulSyllables.contains(scalar) ? scalar - Self.hangulSyllables.lowerBound : nil {
      let (leading, vowel, trailing) = (syllable / 588, syllable % 588 / 28, syllable % 28)
      return [0x1100 + leading, 0x1161 + vowel] + (trailing == 0 ? [] : [0x11A7 + trailing])
    }
    return decompositions[scalar] ?? [scalar]
  }

  func lowered(_ scalar: UInt32) -> [UInt32] {
    lowercase[scalar] ?? [scalar]
  }

  private static let hangulSyllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
}

// MARK: Reading the tables

extension CharacterClasses {
  private mutating func mark(_ table: StaticString, _ property: Properties) {
    var reader = TableReader(table)
    while let range = reader.range() { mark(range, property) }
  }

  private mutating func mark(_ range: ClosedRange<UInt32>, _ property: Properties) {
    for scalar in range {
      let page = Int(scalar >> 8)
      if blocks[page] == 0 {
        blocks[page] = UInt16(properties.count >> 8)
        properties.append(contentsOf: repeatElement(0, count: 256))
      }
      properties[Int(blocks[page]) << 8 | Int(scalar & 0xFF)] |= property.rawValue
    }
  }

  private mutating func mappings(_ table: StaticString, _ property: Properties) -> [UInt32: [UInt32]] {
    var reader = TableReader(table)
    var mappings: [UInt32: [UInt32]] = [:]
    while var scalar = reader.number(radix: 16), reader.skip("=") {
      repeat {
        var target: [UInt32] = []
        repeat {
          guard let part = reader.number(radix: 16) else { break }
          target.append(part)
        } while reader.skip("+")
        mark(scalar...scalar, property)
        mappings[scalar] = target
        scalar += 1
      } while reader.skip(",")
    }
    return mappings
  }
}

/// Reads the notation of `CharacterTables`.
private struct TableReader {
  private let text: [UInt8]
  private var index = 0

  init(_ table: StaticString) {
    text = table.withUTF8Buffer { [UInt8]($0) }
  }

  mutating func number(radix: UInt32) -> UInt32? {
    while index < text.count, text[index] == UInt8(ascii: " ") || text[index] == UInt8(ascii: "\n") { index += 1 }
    var value: UInt32?
    while index < text.count, let digit = Character(UnicodeScalar(text[index])).hexDigitValue {
      value = (value ?? 0) * radix + UInt32(digit)
      index += 1
    }
    return value
  }

  mutating func range() -> ClosedRange<UInt32>? {
    guard let first = number(radix: 16) else { return nil }
    guard skip("-"), let last = number(radix: 16) else { return first...first }
    return first...last
  }

  mutating func skip(_ separator: Unicode.Scalar) -> Bool {
    guard index < text.count, text[index] == UInt8(ascii: separator) else { return false }
    index += 1
    return true
  }
}
