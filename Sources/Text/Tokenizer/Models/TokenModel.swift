import JSON

/// What makes tokens of the pieces of a text, as `tokenizer.json` names it.
enum TokenModel: Sendable {
  case wordPiece(WordPiece)
  case bytePairs(BytePairEncoding)
  case unigram(Unigram)

  var vocabulary: Vocabulary {
    switch self {
    case .wordPiece(let model): model.vocabulary
    case .bytePairs(let model): model.vocabulary
    case .unigram(let model): model.vocabulary
    }
  }

  /// What stands for what the vocabulary lacks; nil if nothing does.
  var unknownId: Int32? {
    switch self {
    case .wordPiece(let model): model.unknownId
    case .bytePairs(let model): model.settings.unknownToken.flatMap(vocabulary.id)
    case .unigram(let model): model.unknownId
    }
  }

  @inline(__always)
  func tokenize(_ piece: ArraySlice<UInt8>, into tokens: inout WordCache.Tokens, _ cache: inout WordCache) {
    switch self {
    case .wordPiece(let model): model.tokenize(piece, into: &tokens)
    case .bytePairs(let model): cache.append(piece, to: &tokens) { model.tokenize($0, into: &$1) }
    case .unigram(let model): cache.append(piece, to: &tokens) { model.tokenize($0, into: &$1) }
    }
  }
}

// MARK: tokenizer.json

extension TokenModel {
  init(_ field: JSONField) throws(TokenizerError) {
    // Files of early versions have no type; only WordPiece has this setting, and only BPE this one.
    let name =
      !field["type"].isAbsent
      ? try field.component(of: ["WordPiece", "BPE", "Unigram"])
      : !field["max_input_chars_per_word"].isAbsent
        ? "WordPiece"
        : !field["merges"].isAbsent ? "BPE" : try field.component(of: ["WordPiece", "BPE", "Unigram"])
    switch name {
    case "WordPiece":
      self = .wordPiece(
        try WordPiece(
          try Vocabulary(try field["vocab"].vocabulary(), file: field.file),
          unknownToken: try field["unk_token"].string() ?? "[UNK]",
          continuingPrefix: try field["continuing_subword_prefix"].string() ?? "##",
          maximumWordLength: try field["max_input_chars_per_word"].int(in: 1...1 << 20) ?? 100))
    case "BPE": self = .bytePairs(try BytePairEncoding(field))
    default: self = .unigram(try Unigram(field))
    }
  }

  var json: JSON {
    switch self {
    case .wordPiece(let model):
      [
        "type": "WordPiece", "unk_token": .string(model.unknownToken),
        "continuing_subword_prefix": .string(model.continuingPrefix),
        "max_input_chars_per_word": .integer(model.maximumWordLength), "vocab": model.vocabulary.json,
      ]
    case .bytePairs(let model): model.json
    case .unigram(let model):
      [
        "type": "Unigram", "unk_id": .integer(Int(model.unknownId)),
        "vocab": .array(
          zip(model.vocabulary.tokens, model.scores).map { .array([.string($0 ?? ""), .number($1)]) }),
        "byte_fallback": .bool(model.byteFallback),
      ]
    }
  }
}

extension Vocabulary {
  var json: JSON {
    var object = JSONObject()
    for (id, token) in tokens.enumerated() {
      if let token { object[token] = .integer(id) }
    }
    return .object(object)
  }
}

extension BytePairEncoding {
  init(_ field: JSONField) throws(TokenizerError) {
    guard field["dropout"].isAbsent || field["dropout"].value?.double == 0 else {
      throw field["dropout"].error(expected: "null: tokens drawn by chance are not supported")
    }
    func text(_ key: String) throws(TokenizerError) -> String? {
      let text = try field[key].string() ?? ""
      return text.isEmpty ? nil : text
    }
    let settings = Settings(
      unknownToken: try text("unk_token"), continuingPrefix: try text("continuing_subword_prefix"),
      endOfWordSuffix: try text("end_of_word_suffix"), fusesUnknown: try field["fuse_unk"].bool() ?? false,
      byteFallback: try field["byte_fallback"].bool() ?? false,
      ignoresMerges: try field["ignore_merges"].bool() ?? false)
    if settings.byteFallback, settings.continuingPrefix != nil || settings.endOfWordSuffix != nil {
      throw field["byte_fallback"].error(expected: "false beside continuing_subword_prefix or end_of_word_suffix")
    }
    var merges: [(first: String, second: String)] = []
    for element in try field["merges"].required().elements(atMost: Self.maximumMerges) {
      // Two strings, or one with a blank between them in files of earlier versions.
      let parts =
        element.value?.array?.compactMap(\.string)
        ?? element.value?.string?.split(separator: " ", omittingEmptySubsequences: false).map(String.init) ?? []
      guard parts.count == 2 else { throw element.error(expected: "two tokens") }
      merges.append((parts[0], parts[1]))
    }
    try self.init(
      try Vocabulary(try field["vocab"].vocabulary(), file: field.file), merges: merges, settings: settings,
      field: field["merges"])
  }

  var json: JSON {
    func text(_ value: String?) -> JSON { value.map(JSON.string) ?? .null }
    return [
      "type": "BPE", "dropout": .null, "unk_token": text(settings.unknownToken),
      "continuing_subword_prefix": text(settings.continuingPrefix),
      "end_of_word_suffix": text(settings.endOfWordSuffix),
      "fuse_unk": .bool(settings.fusesUnknown), "byte_fallback": .bool(settings.byteFallback),
      "ignore_merges": .bool(settings.ignoresMerges), "vocab": vocabulary.json,
      "merges": .array(
        merges.map { .array([text(vocabulary.token(of: $0.first)), text(vocabulary.token(of: $0.second))]) }),
    ]
  }
}

extension Unigram {
  init(_ field: JSONField) throws(TokenizerError) {
    var vocabulary: [(token: String, id: Int32)] = []
    var scores: [Double] = []
    for element in try field["vocab"].required().elements(atMost: Vocabulary.maximumId) {
      guard let pair = element.value?.array, pair.count == 2, let token = pair[0].string, let score = pair[1].double,
        score.isFinite
      else { throw element.error(expected: "a token and its score") }
      vocabulary.append((token, Int32(vocabulary.count)))
      scores.append(score)
    }
    guard !vocabulary.isEmpty, let unknownId = try field["unk_id"].int(in: 0...(vocabulary.count - 1)) else {
      throw field["unk_id"].error(expected: "the id of the unknown token")
    }
    self.init(
      try Vocabulary(vocabulary, file: field.file), scores: scores, unknownId: Int32(unknownId),
      byteFallback: try field["byte_fallback"].bool() ?? false)
  }
}
