/// The normalisation forms of Unicode (UAX #15), with the library's tables, which are those of an older version.
enum NormalForm: String, Sendable, CaseIterable {
  case canonical = "NFD"
  case compatible = "NFKD"
  case canonicalComposed = "NFC"
  case compatibleComposed = "NFKC"

  private var isCompatible: Bool { self == .compatible || self == .compatibleComposed }
  private var isComposed: Bool { self == .canonicalComposed || self == .compatibleComposed }

  func normalize(_ text: inout NormalizedText) {
    guard text.bytes.contains(where: { $0 >= 0x80 }) else { return }
    let tables = UnicodeForms.shared
    text.rewrite { bytes, rewriter in
      var composer = Composer()
      /// A starter and the marks behind it.
      var pending: [Composer.Part] = []
      func flush(_ rewriter: inout NormalizedText.Rewriter) {
        pending.sort { ($0.combiningClass, $0.order) < ($1.combiningClass, $1.order) }
        for part in pending {
          if isComposed { composer.add(part, to: &rewriter) } else { rewriter.emit(part.scalar, change: part.change) }
        }
        pending.removeAll(keepingCapacity: true)
      }
      var index = bytes.startIndex
      while index < bytes.endIndex {
        var change = 0
        func add(_ scalar: UInt32, _ rewriter: inout NormalizedText.Rewriter) {
          let combiningClass = tables.combiningClass(scalar)
          if combiningClass == 0 { flush(&rewriter) }
          pending.append(
            Composer.Part(scalar: scalar, combiningClass: combiningClass, change: change, order: pending.count))
          change = 1
        }
        let scalar = UTF8Text.next(bytes, &index)
        if let parts = tables.decomposition(scalar, isCompatible: isCompatible) {
          for part in parts { add(part, &rewriter) }
        } else {
          add(scalar, &rewriter)
        }
      }
      flush(&rewriter)
      composer.finish(&rewriter)
    }
  }

  /// The composition algorithm, over scalars in canonical order.
  private struct Composer {
    struct Part {
      var scalar: UInt32
      var combiningClass: UInt8
      /// As `Rewriter.emit` means it.
      var change: Int
      /// The place among those not yet in canonical order.
      var order: Int
    }

    private var starter: Part?
    /// What stays behind the starter.
    private var marks: [Part] = []

    mutating func add(_ part: Part, to rewriter: inout NormalizedText.Rewriter) {
      guard var first = starter else {
        if part.combiningClass == 0 {
          starter = part
        } else {
          rewriter.emit(part.scalar, change: part.change)
        }
        return
      }
      let isBlocked = marks.last.map { $0.combiningClass >= part.combiningClass } ?? false
      if !isBlocked, let composed = UnicodeForms.shared.composition(first.scalar, part.scalar) {
        first.scalar = composed
        first.change += part.change - 1
        starter = first
      } else if part.combiningClass == 0 {
        finish(&rewriter)
        starter = part
      } else {
        marks.append(part)
      }
    }

    mutating func finish(_ rewriter: inout NormalizedText.Rewriter) {
      if let starter { rewriter.emit(starter.scalar, change: starter.change) }
      for mark in marks { rewriter.emit(mark.scalar, change: mark.change) }
      starter = nil
      marks.removeAll(keepingCapacity: true)
    }
  }
}

/// Decompositions, compositions and combining classes.
struct UnicodeForms: Sendable {
  static let shared = UnicodeForms()

  private let combiningClasses: [UInt32: UInt8]
  private let canonical: [UInt32: [UInt32]]
  private let compatible: [UInt32: [UInt32]]
  private var compositions: [UInt64: UInt32] = [:]

  private init() {
    combiningClasses = CharacterTables.combiningClassesByScalar
    canonical = TableReader.mappings(CharacterTables.canonical)
    compatible = TableReader.mappings(CharacterTables.compatible)
    let excluded = Set(TableReader.ranges(CharacterTables.excluded).joined())
    // From the shortest, so that what all scalars but the last compose to is known.
    let composed = canonical.filter { $0.value.count > 1 && !excluded.contains($0.key) }
      .sorted { ($0.value.count, $0.key) < ($1.value.count, $1.key) }
    for (scalar, parts) in composed {
      var first = parts[0]
      for part in parts[1..<(parts.count - 1)] { first = compositions[Self.key(first, part)] ?? first }
      compositions[Self.key(first, parts[parts.count - 1])] = scalar
    }
  }

  @inline(__always)
  func combiningClass(_ scalar: UInt32) -> UInt8 {
    scalar < 0x300 ? 0 : combiningClasses[scalar] ?? 0
  }

  /// The full decomposition, or nil if the scalar stays as it is.
  @inline(__always)
  func decomposition(_ scalar: UInt32, isCompatible: Bool) -> [UInt32]? {
    if scalar < 0xA0 { return nil }
    if let syllable = Hangul.decomposition(scalar) { return syllable }
    if isCompatible, let parts = compatible[scalar] { return parts }
    return canonical[scalar]
  }

  func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    Hangul.composition(first, second) ?? compositions[Self.key(first, second)]
  }

  private static func key(_ first: UInt32, _ second: UInt32) -> UInt64 { UInt64(first) << 32 | UInt64(second) }
}

/// Hangul syllables are made and unmade by arithmetic: section 3.12 of the Unicode standard.
enum Hangul {
  static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3

  static func decomposition(_ scalar: UInt32) -> [UInt32]? {
    guard syllables.contains(scalar) else { return nil }
    let syllable = scalar - syllables.lowerBound
    let (leading, vowel, trailing) = (syllable / 588, syllable % 588 / 28, syllable % 28)
    return [0x1100 + leading, 0x1161 + vowel] + (trailing == 0 ? [] : [0x11A7 + trailing])
  }

  static func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if (0x1100...0x1112).contains(first), (0x1161...0x1175).contains(second) {
      return syllables.lowerBound + ((first - 0x1100) * 21 + second - 0x1161) * 28
    }
    if syllables.contains(first), (first - syllables.lowerBound) % 28 == 0, (0x11A8...0x11C2).contains(second) {
      return first + second - 0x11A7
    }
    return nil
  }
}
