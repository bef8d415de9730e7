/// `BertNormalizer` of the `tokenizers` library: cleaning, ideographs set apart, accents stripped, lower case, in that
/// order.
struct BertNormalizer: Sendable, Equatable {
  /// Drop control characters and make all whitespace a space.
  let cleanText: Bool
  /// Put spaces around CJK ideographs, so that each is a word.
  let handleChineseChars: Bool
  /// Decompose canonically (NFD) and drop the non-spacing marks.
  let stripAccents: Bool
  let lowercase: Bool

  /// What each ASCII byte becomes.
  private let ascii: [UInt8]
  private static let dropped: UInt8 = 0xFF
  private static let space = UInt8(ascii: " ")

  init(cleanText: Bool = true, handleChineseChars: Bool = true, stripAccents: Bool? = nil, lowercase: Bool = true) {
    self.cleanText = cleanText
    self.handleChineseChars = handleChineseChars
    self.stripAccents = stripAccents ?? lowercase
    self.lowercase = lowercase
    let classes = CharacterClasses.shared
    ascii = (0..<UInt32(0x80)).map { scalar in
      let properties = classes[scalar]
      if cleanText {
        if properties.contains(.removed) { return Self.dropped }
        if properties.contains(.whitespace) { return Self.space }
      }
      return UInt8(lowercase ? classes.lowered(scalar)[0] : scalar)
    }
  }

  /// Appends the normalised form of `text`, which must be UTF-8, to `output`.
  func normalize(_ text: ArraySlice<UInt8>, into output: inout [UInt8]) {
    let classes = CharacterClasses.shared
    var marks = PendingMarks()
    var index = text.startIndex
    while index < text.endIndex {
      let byte = text[index]
      if byte < 0x80 {
        index += 1
        let normalized = ascii[Int(byte)]
        if normalized == Self.dropped { continue }
        flush(&marks, classes, into: &output)
        output.append(normalized)
        continue
      }
      let scalar = UTF8Text.next(text, &index)
      let properties = classes[scalar]
      if cleanText {
        if properties.contains(.removed) { continue }
        if properties.contains(.whitespace) {
          flush(&marks, classes, into: &output)
          output.append(Self.space)
          continue
        }
      }
      let isSetApart = handleChineseChars && properties.contains(.ideograph)
      if isSetApart {
        flush(&marks, classes, into: &output)
        output.append(Self.space)
      }
      if stripAccents {
        strip(scalar, properties, classes, &marks, into: &output)
      } else {
        append(scalar, properties, classes, to: &output)
      }
      if isSetApart { output.append(Self.space) }
    }
    flush(&marks, classes, into: &output)
  }

  @inline(__always)
  private func strip(
    _ scalar: UInt32, _ properties: CharacterClasses.Properties, _ classes: CharacterClasses,
    _ marks: inout PendingMarks, into output: inout [UInt8]
  ) {
    if properties.contains(.mark) {
      if properties.contains(.startingMark) { flush(&marks, classes, into: &output) }
    } else if properties.contains(.decomposed) {
      for part in classes.decomposition(scalar) {
        order(part, classes[part], classes, &marks, into: &output)
      }
    } else {
      order(scalar, properties, classes, &marks, into: &output)
    }
  }

  /// Holds back what may have to trade places with the marks after it.
  @inline(__always)
  private func order(
    _ scalar: UInt32, _ properties: CharacterClasses.Properties, _ classes: CharacterClasses,
    _ marks: inout PendingMarks, into output: inout [UInt8]
  ) {
    if properties.contains(.combining) {
      marks.insert(scalar, classes.combiningClass(scalar))
    } else {
      flush(&marks, classes, into: &output)
      append(scalar, properties, classes, to: &output)
    }
  }

  @inline(__always)
  private func append(
    _ scalar: UInt32, _ properties: CharacterClasses.Properties, _ classes: CharacterClasses, to output: inout [UInt8]
  ) {
    if lowercase, properties.contains(.lowered) {
      for part in classes.lowered(scalar) { UTF8Text.append(part, to: &output) }
    } else {
      UTF8Text.append(scalar, to: &output)
    }
  }

  @inline(__always)
  private func flush(_ marks: inout PendingMarks, _ classes: CharacterClasses, into output: inout [UInt8]) {
    guard !marks.isEmpty else { return }
    for scalar in marks.removeAll() { append(scalar, classes[scalar], classes, to: &output) }
  }
}

/// Marks since the last starter.
private struct PendingMarks {
  private var marks: [(scalar: UInt32, combiningClass: UInt8)] = []

  var isEmpty: Bool { marks.isEmpty }

  mutating func insert(_ scalar: UInt32, _ combiningClass: UInt8) {
    marks.append((scalar, combiningClass))
  }

  /// In canonical order: by combining class, and as they came within one.
  mutating func removeAll() -> [UInt32] {
    defer { marks.removeAll() }
    let ordered = marks.enumerated().sorted { ($0.1.combiningClass, $0.0) < ($1.1.combiningClass, $1.0) }
    return ordered.map(\.element.scalar)
  }
}
