import JSON

/// What is done to a text before it is split, as `tokenizer.json` names it.
indirect enum Normalizer: Sendable {
  case sequence([Normalizer])
  case form(NormalForm)
  case lowercase
  case strip(left: Bool, right: Bool)
  case stripAccents
  case replace(TextPattern, content: String)
  case prepend(String)
  case nmt
  case precompiled(CharacterMap)
  case bert(BertNormalizer)

  func normalize(_ text: inout NormalizedText) {
    let classes = CharacterClasses.shared
    switch self {
    case .sequence(let normalizers): for normalizer in normalizers { normalizer.normalize(&text) }
    case .form(let form): form.normalize(&text)
    case .lowercase: Self.lowercase(&text)
    case .stripAccents: text.filter { $0 < 0x300 || !classes[$0].contains(.accent) }
    case .strip(let left, let right): Self.strip(&text, left, right)
    case .replace(let pattern, let content):
      text.replace(pattern.matches(in: text.bytes[...]), with: Array(content.utf8))
    case .prepend(let content): Self.prepend(Array(content.utf8), &text)
    case .nmt: Self.nmt(&text)
    case .precompiled(let map): map.normalize(&text)
    case .bert(let normalizer):
      if text.tracksOrigins {
        normalizer.normalize(&text)
      } else {
        var normalized = NormalizedText(tracksOrigins: false)
        normalizer.normalize(text.bytes[...], into: &normalized.bytes)
        text = normalized
      }
    }
  }

  static func lowercase(_ text: inout NormalizedText) {
    let classes = CharacterClasses.shared
    text.rewrite { bytes, rewriter in
      var index = bytes.startIndex
      while index < bytes.endIndex {
        let scalar = UTF8Text.next(bytes, &index)
        guard classes[scalar].contains(.lowered) else {
          rewriter.emit(scalar)
          continue
        }
        for (place, part) in classes.lowered(scalar).enumerated() { rewriter.emit(part, change: place > 0 ? 1 : 0) }
      }
    }
  }

  private static func strip(_ text: inout NormalizedText, _ left: Bool, _ right: Bool) {
    var range = 0..<text.bytes.count
    if left {
      while let next = UTF8Text.whitespace(text.bytes[range], startingAt: range.lowerBound) {
        range = next..<range.upperBound
      }
    }
    if right {
      while let next = UTF8Text.whitespace(text.bytes[range], endingAt: range.upperBound) {
        range = range.lowerBound..<next
      }
    }
    text.trim(to: range)
  }

  /// In front of a text that is not empty, from where its first character is.
  static func prepend(_ content: [UInt8], _ text: inout NormalizedText) {
    guard !text.bytes.isEmpty else { return }
    var prepended = NormalizedText(tracksOrigins: text.tracksOrigins)
    prepended.append(content, from: text, 0)
    prepended.append(text, 0..<text.bytes.count)
    text = prepended
  }

  /// SentencePiece's rules for machine translation.
  private static func nmt(_ text: inout NormalizedText) {
    text.filter {
      switch $0 {
      case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: false
      default: true
      }
    }
    text.rewrite { bytes, rewriter in
      var index = bytes.startIndex
      while index < bytes.endIndex {
        let scalar = UTF8Text.next(bytes, &index)
        switch scalar {
        case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
          rewriter.emit(0x20)
        default: rewriter.emit(scalar)
        }
      }
    }
  }
}

extension BertNormalizer {
  /// The same step by step, as the library does it, so that origins follow.
  fileprivate func normalize(_ text: inout NormalizedText) {
    let classes = CharacterClasses.shared
    func map(_ body: @escaping (UInt32, inout NormalizedText.Rewriter) -> Void) {
      text.rewrite { bytes, rewriter in
        var index = bytes.startIndex
        while index < bytes.endIndex { body(UTF8Text.next(bytes, &index), &rewriter) }
      }
    }
    if cleanText {
      text.filter { !classes[$0].contains(.removed) }
      map { scalar, rewriter in rewriter.emit(classes[scalar].contains(.whitespace) ? 0x20 : scalar) }
    }
    if handleChineseChars {
      map { scalar, rewriter in
        guard classes[scalar].contains(.ideograph) else { return rewriter.emit(scalar) }
        rewriter.emit(0x20)
        rewriter.emit(scalar, change: 1)
        rewriter.emit(0x20, change: 1)
      }
    }
    if stripAccents {
      NormalForm.canonical.normalize(&text)
      text.filter { $0 < 0x300 || !classes[$0].contains(.mark) }
    }
    if lowercase { Normalizer.lowercase(&text) }
  }
}

// MARK: tokenizer.json

extension Normalizer {
  private static let names =
    ["Sequence"] + NormalForm.allCases.map(\.rawValue) + [
      "Lowercase", "Strip", "StripAccents", "Replace", "Prepend", "Nmt", "Precompiled", "BertNormalizer",
    ]

  /// nil where the file has none.
  init?(_ field: JSONField, depth: Int = 0) throws(TokenizerError) {
    if field.isAbsent { return nil }
    let name = try field.component(of: Self.names)
    switch name {
    case "Sequence":
      var normalizers: [Normalizer] = []
      for element in try field["normalizers"].components(depth: depth) {
        guard let normalizer = try Normalizer(element, depth: depth + 1) else {
          throw element.error(expected: "a normalizer")
        }
        normalizers.append(normalizer)
      }
      self = .sequence(normalizers)
    case "Lowercase": self = .lowercase
    case "StripAccents": self = .stripAccents
    case "Nmt": self = .nmt
    case "Strip":
      self = .strip(
        left: try field["strip_left"].required().bool() ?? true,
        right: try field["strip_right"].required().bool() ?? true)
    case "Replace":
      self = .replace(
        try TextPattern(field["pattern"]), content: try field["content"].content(orEmpty: true))
    case "Prepend": self = .prepend(try field["prepend"].content(orEmpty: true))
    case "Precompiled": self = .precompiled(try CharacterMap(field["precompiled_charsmap"]))
    case "BertNormalizer":
      self = .bert(
        BertNormalizer(
          cleanText: try field["clean_text"].bool() ?? true,
          handleChineseChars: try field["handle_chinese_chars"].bool() ?? true,
          stripAccents: try field["strip_accents"].bool(), lowercase: try field["lowercase"].bool() ?? true))
    default:
      guard let form = NormalForm(rawValue: name) else { return nil }
      self = .form(form)
    }
  }

  /// How many times longer a text may get; more is taken for damage.
  private static let maximumGrowth = 4_096

  func checkGrowth(_ field: JSONField) throws(TokenizerError) {
    guard growth <= Self.maximumGrowth else {
      throw TokenizerError(
        field.file, "\(field.path): expected what makes a text at most \(Self.maximumGrowth) times longer, found more")
    }
  }

  private var growth: Int {
    switch self {
    case .sequence(let normalizers): normalizers.reduce(1) { min($0 * $1.growth, Self.maximumGrowth + 1) }
    case .replace(_, let content): max(content.utf8.count, 1)
    case .prepend(let content): content.utf8.count + 1
    case .precompiled(let map): map.longestReplacement
    default: 1
    }
  }

  var json: JSON {
    switch self {
    case .sequence(let normalizers): ["type": "Sequence", "normalizers": .array(normalizers.map(\.json))]
    case .form(let form): ["type": .string(form.rawValue)]
    case .lowercase: ["type": "Lowercase"]
    case .strip(let left, let right): ["type": "Strip", "strip_left": .bool(left), "strip_right": .bool(right)]
    case .stripAccents: ["type": "StripAccents"]
    case .replace(let pattern, let content):
      ["type": "Replace", "pattern": pattern.json, "content": .string(content)]
    case .prepend(let content): ["type": "Prepend", "prepend": .string(content)]
    case .nmt: ["type": "Nmt"]
    case .precompiled(let map): ["type": "Precompiled", "precompiled_charsmap": .string(map.encoded)]
    case .bert(let normalizer):
      [
        "type": "BertNormalizer", "clean_text": .bool(normalizer.cleanText),
        "handle_chinese_chars": .bool(normalizer.handleChineseChars), "strip_accents": .bool(normalizer.stripAccents),
        "lowercase": .bool(normalizer.lowercase),
      ]
    }
  }
}
