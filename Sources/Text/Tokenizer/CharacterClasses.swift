/// What the `tokenizers` library takes each code point for.
struct CharacterClasses: Sendable {
  struct Properties: OptionSet, Sendable {
    let rawValue: UInt32

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
    static let letter = Properties(rawValue: 1 << 10)
    static let number = Properties(rawValue: 1 << 11)
    /// What Digits splits on.
    static let digit = Properties(rawValue: 1 << 12)
    /// Dropped by `StripAccents`.
    static let accent = Properties(rawValue: 1 << 13)
    /// In a grapheme cluster: belongs to the one before, belongs to the one behind, stands alone.
    static let joining = Properties(rawValue: 1 << 14)
    static let prepended = Properties(rawValue: 1 << 15)
    static let control = Properties(rawValue: 1 << 16)
  }

  static let shared = CharacterClasses()

  /// Which block of 256 entries in `properties` holds the properties of each 256 code points; most share the first.
  private var blocks = [UInt16](repeating: 0, count: 0x1100)
  private var properties = [UInt32](repeating: 0, count: 256)
  private var combiningClasses: [UInt32: UInt8] = [:]
  private var decompositions: [UInt32: [UInt32]] = [:]
  private var lowercase: [UInt32: [UInt32]] = [:]

  private init() {
    let tables: [(StaticString, Properties)] = [
      (CharacterTables.removed, .removed), (CharacterTables.whitespace, .whitespace),
      (CharacterTables.punctuation, .punctuation), (CharacterTables.ideographs, .ideograph),
      (CharacterTables.wordCharacters, .word), (CharacterTables.letters, .letter),
      (CharacterTables.numbers, [.number, .digit]), (CharacterTables.otherDigits, .digit),
      (CharacterTables.marks, .mark), (CharacterTables.accents, .accent), (CharacterTables.joining, .joining),
      (CharacterTables.prepended, .prepended), (CharacterTables.controls, .control),
    ]
    for (table, property) in tables {
      for range in TableReader.ranges(table) { mark(range, property) }
    }
    mark(Hangul.syllables, .decomposed)
    // What stays of the marks' order once those that strip_accents drops are gone.
    let canonical = TableReader.mappings(CharacterTables.canonical)
    let classes = CharacterTables.combiningClassesByScalar
    for (scalar, parts) in canonical {
      decompositions[scalar] = parts.filter { !self[$0].contains(.mark) }
      mark(scalar...scalar, .decomposed)
    }
    for (scalar, combiningClass) in classes where canonical[scalar] == nil && !self[scalar].contains(.mark) {
      combiningClasses[scalar] = combiningClass
      mark(scalar...scalar, .combining)
    }
    for range in TableReader.ranges(CharacterTables.marks) {
      for scalar in range where classes[scalar] == nil && canonical[scalar] == nil {
        mark(scalar...scalar, .startingMark)
      }
    }
    lowercase = TableReader.mappings(CharacterTables.lowered)
    for scalar in lowercase.keys { mark(scalar...scalar, .lowered) }
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
    Hangul.decomposition(scalar) ?? decompositions[scalar] ?? [scalar]
  }

  func lowered(_ scalar: UInt32) -> [UInt32] {
    lowercase[scalar] ?? [scalar]
  }
}

// MARK: Reading the tables

extension CharacterClasses {
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
}

/// Reads the notation of `CharacterTables`.
struct TableReader {
  private let text: [UInt8]
  private var index = 0

  init(_ table: StaticString) {
    text = table.withUTF8Buffer { [UInt8]($0) }
  }

  static func ranges(_ table: StaticString) -> [ClosedRange<UInt32>] {
    var reader = TableReader(table)
    var ranges: [ClosedRange<UInt32>] = []
    while let range = reader.range() { ranges.append(range) }
    return ranges
  }

  static func mappings(_ table: StaticString) -> [UInt32: [UInt32]] {
    var reader = TableReader(table)
    var mappings: [UInt32: [UInt32]] = [:]
    while let range = reader.range(), reader.skip("=") {
      var scalar = range.lowerBound
      repeat {
        var target: [UInt32] = []
        repeat {
          guard let part = reader.number(radix: 16) else { break }
          target.append(part)
        } while reader.skip("+")
        mappings[scalar] = target
        scalar += 1
      } while reader.skip(",")
      if range.count > 1, let first = mappings[range.lowerBound]?.first {
        for (offset, scalar) in range.enumerated() { mappings[scalar] = [first + UInt32(offset)] }
      }
    }
    return mappings
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

extension CharacterTables {
  static var combiningClassesByScalar: [UInt32: UInt8] {
    var reader = TableReader(combiningClasses)
    var classes: [UInt32: UInt8] = [:]
    while let combiningClass = reader.number(radix: 10), reader.skip(":") {
      while let range = reader.range() {
        for scalar in range { classes[scalar] = UInt8(truncatingIfNeeded: combiningClass) }
        guard reader.skip(",") else { break }
      }
    }
    return classes
  }
}
