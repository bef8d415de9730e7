import JSON

/// How a normalised text is cut into pieces, as `tokenizer.json` names it.
indirect enum PreTokenizer: Sendable {
  case sequence([PreTokenizer])
  case bert
  case byteLevel(ByteLevel)
  case whitespace
  case whitespaceSplit
  case metaspace(Metaspace)
  case punctuation(SplitBehavior)
  case digits(areIndividual: Bool)
  case split(TextPattern, SplitBehavior, isInverted: Bool)

  func split(_ pieces: inout TextPieces) {
    let classes = CharacterClasses.shared
    switch self {
    case .sequence(let preTokenizers): for preTokenizer in preTokenizers { preTokenizer.split(&pieces) }
    case .bert:
      pieces.split(.removed) { classes[$0].contains(.whitespace) }
      pieces.split(.isolated) { classes[$0].contains(.punctuation) }
    case .byteLevel(let byteLevel): byteLevel.split(&pieces)
    case .whitespaceSplit: pieces.split(.removed) { classes[$0].contains(.whitespace) }
    case .whitespace: pieces.split(.removed, find: Self.words)
    case .metaspace(let metaspace): metaspace.split(&pieces)
    case .punctuation(let behavior): pieces.split(behavior) { classes[$0].contains(.punctuation) }
    case .digits(let areIndividual):
      pieces.split(areIndividual ? .isolated : .contiguous) { classes[$0].contains(.digit) }
    case .split(let pattern, let behavior, let isInverted):
      pieces.split(behavior, at: pattern, isInverted: isInverted)
    }
  }

  /// `\w+|[^\w\s]+` are kept: runs of word characters, and of what is neither that nor whitespace.
  private static func words(_ bytes: ArraySlice<UInt8>, _ matches: inout [(range: Range<Int>, isMatch: Bool)]) {
    let classes = CharacterClasses.shared
    var index = bytes.startIndex
    var (start, kind) = (index, CharacterClasses.Properties.whitespace)
    while index < bytes.endIndex {
      let place = index
      let properties = classes[UTF8Text.next(bytes, &index)]
      let found = properties.intersection(properties.contains(.word) ? .word : .whitespace)
      guard found != kind else { continue }
      if start < place { matches.append((start..<place, kind == .whitespace)) }
      (start, kind) = (place, found)
    }
    if start < index { matches.append((start..<index, kind == .whitespace)) }
  }
}

/// `ByteLevel`: each byte becomes a character of its own, so that every text has tokens.
struct ByteLevel: Sendable, Equatable {
  var addsPrefixSpace = true
  /// Whether offsets leave out the whitespace of tokens. Read where this is a post-processor.
  var trimsOffsets = true
  /// Split first, as GPT-2 does.
  var usesExpression = true

  private static let expression: TextPattern? =
    (try? RegularExpression(
      #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#)).map(TextPattern.expression)

  /// What each byte becomes, in UTF-8: itself where it prints in Latin-1, else a letter from U+0100 on.
  private static let characters: [[UInt8]] = {
    var next: UInt32 = 0x100
    return (0..<UInt32(256)).map { byte in
      var character: [UInt8] = []
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: UTF8Text.append(byte, to: &character)
      default:
        UTF8Text.append(next, to: &character)
        next += 1
      }
      return character
    }
  }()

  /// `Ġ`, which a space becomes.
  static let space: UInt32 = 0x120

  func split(_ pieces: inout TextPieces) {
    let space = UInt8(ascii: " ")
    if addsPrefixSpace {
      pieces.rewrite { text, piece, result in
        if text.bytes[piece.range.lowerBound] != space { result.append([space], from: text, piece.range.lowerBound) }
        result.append(text, piece.range)
      }
    }
    if usesExpression, let expression = Self.expression { pieces.split(.isolated, at: expression, isInverted: false) }
    let characters = Self.characters
    pieces.rewrite { text, piece, result in
      for place in piece.range { result.append(characters[Int(text.bytes[place])], from: text, place) }
    }
  }
}

/// `Metaspace`: spaces become a visible character, with which words start.
struct Metaspace: Sendable, Equatable {
  /// Where a space is put in front; the library's names.
  enum PrependScheme: String, Sendable, CaseIterable {
    case always, first, never
  }

  var replacement = "\u{2581}"
  var prependScheme = PrependScheme.always
  var splits = true

  func split(_ pieces: inout TextPieces) {
    let replacement = Array(replacement.utf8)
    let scheme = prependScheme
    pieces.rewrite { text, piece, result in
      let bytes = text.bytes[piece.range]
      let isPrepended = scheme == .always || (scheme == .first && text.origin(of: piece.range).start == 0)
      if isPrepended, bytes[bytes.startIndex] != UInt8(ascii: " "), !bytes.starts(with: replacement) {
        result.append(replacement, from: text, piece.range.lowerBound)
      }
      var done = piece.range.lowerBound
      for place in piece.range where text.bytes[place] == UInt8(ascii: " ") {
        result.append(text, done..<place)
        result.append(replacement, from: text, place)
        done = place + 1
      }
      result.append(text, done..<piece.range.upperBound)
    }
    if splits { pieces.split(.mergedWithNext, at: .string(self.replacement), isInverted: false) }
  }
}

// MARK: tokenizer.json

extension PreTokenizer {
  private static let names = [
    "Sequence", "BertPreTokenizer", "ByteLevel", "Whitespace", "WhitespaceSplit", "Metaspace", "Punctuation", "Digits",
    "Split",
  ]
  /// Each writes the text anew and makes it longer.
  static let maximumRewrites = 2

  /// nil where the file has none.
  init?(_ field: JSONField, depth: Int = 0) throws(TokenizerError) {
    if field.isAbsent { return nil }
    switch try field.component(of: Self.names) {
    case "BertPreTokenizer": self = .bert
    case "ByteLevel": self = .byteLevel(try ByteLevel(field))
    case "Whitespace": self = .whitespace
    case "WhitespaceSplit": self = .whitespaceSplit
    case "Metaspace": self = .metaspace(try Metaspace(field))
    case "Punctuation": self = .punctuation(try field["behavior"].choice(of: SplitBehavior.self) ?? .isolated)
    case "Digits": self = .digits(areIndividual: try field["individual_digits"].required().bool() ?? false)
    case "Split":
      self = .split(
        try TextPattern(field["pattern"]), try field["behavior"].required().choice(of: SplitBehavior.self) ?? .isolated,
        isInverted: try field["invert"].required().bool() ?? false)
    default:
      var preTokenizers: [PreTokenizer] = []
      for element in try field["pretokenizers"].components(depth: depth) {
        guard let preTokenizer = try PreTokenizer(element, depth: depth + 1) else {
          throw element.error(expected: "a pre-tokenizer")
        }
        preTokenizers.append(preTokenizer)
      }
      self = .sequence(preTokenizers)
      guard rewrites <= Self.maximumRewrites else {
        throw TokenizerError(
          field.file,
          "\(field.path): expected at most \(Self.maximumRewrites) of ByteLevel and Metaspace, found \(rewrites)")
      }
    }
  }

  private var rewrites: Int {
    switch self {
    case .sequence(let preTokenizers): preTokenizers.reduce(0) { $0 + $1.rewrites }
    case .byteLevel, .metaspace: 1
    default: 0
    }
  }

  /// Whether it asks where in the source a piece starts.
  var needsOrigins: Bool {
    switch self {
    case .sequence(let preTokenizers): preTokenizers.contains { $0.needsOrigins }
    case .metaspace(let metaspace): metaspace.prependScheme == .first
    default: false
    }
  }

  var json: JSON {
    switch self {
    case .sequence(let preTokenizers): ["type": "Sequence", "pretokenizers": .array(preTokenizers.map(\.json))]
    case .bert: ["type": "BertPreTokenizer"]
    case .byteLevel(let byteLevel): byteLevel.json
    case .whitespace: ["type": "Whitespace"]
    case .whitespaceSplit: ["type": "WhitespaceSplit"]
    case .metaspace(let metaspace): metaspace.json
    case .punctuation(let behavior): ["type": "Punctuation", "behavior": .string(behavior.rawValue)]
    case .digits(let areIndividual): ["type": "Digits", "individual_digits": .bool(areIndividual)]
    case .split(let pattern, let behavior, let isInverted):
      [
        "type": "Split", "pattern": pattern.json, "behavior": .string(behavior.rawValue), "invert": .bool(isInverted),
      ]
    }
  }
}

extension ByteLevel {
  init(_ field: JSONField) throws(TokenizerError) {
    addsPrefixSpace = try field["add_prefix_space"].required().bool() ?? true
    trimsOffsets = try field["trim_offsets"].required().bool() ?? true
    usesExpression = try field["use_regex"].bool() ?? true
  }

  var json: JSON {
    [
      "type": "ByteLevel", "add_prefix_space": .bool(addsPrefixSpace), "trim_offsets": .bool(trimsOffsets),
      "use_regex": .bool(usesExpression),
    ]
  }
}

extension Metaspace {
  init(_ field: JSONField) throws(TokenizerError) {
    replacement = try field["replacement"].content()
    guard replacement.unicodeScalars.count == 1 else { throw field["replacement"].error(expected: "one character") }
    prependScheme = try field["prepend_scheme"].choice(of: PrependScheme.self) ?? .always
    // What files said before there were schemes; the library wants both to agree.
    guard try field["add_prefix_space"].bool() ?? true || prependScheme == .never else {
      throw field["prepend_scheme"].error(expected: "never, as add_prefix_space is false")
    }
    splits = try field["split"].bool() ?? true
  }

  var json: JSON {
    [
      "type": "Metaspace", "replacement": .string(replacement), "prepend_scheme": .string(prependScheme.rawValue),
      "split": .bool(splits),
    ]
  }
}
