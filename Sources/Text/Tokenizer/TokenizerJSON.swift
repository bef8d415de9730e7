import JSON

/// The parts of `tokenizer.json` that decide about tokens. Its preset truncation and padding are the caller's business.
struct TokenizerJSON {
  static let name = "tokenizer.json"
  /// More special tokens, or sequences with them, than any template has.
  private static let maximumTemplateLength = 64

  let normalizer: BertNormalizer
  let model: WordPiece
  let vocabulary: [(token: String, id: Int32)]
  let addedTokens: [AddedToken]
  let template: SequenceTemplate
  let padToken: String?
  let truncatesLeft: Bool

  let file: String

  init(_ root: JSONField) throws(TokenizerError) {
    file = root.file
    normalizer = try Self.normalizer(root["normalizer"])
    _ = try root["pre_tokenizer"].type(oneOf: ["BertPreTokenizer"])

    let model = root["model"]
    // Files of early versions have no type; only WordPiece has this setting.
    if model["max_input_chars_per_word"].isAbsent || !model["type"].isAbsent {
      _ = try model.type(oneOf: ["WordPiece"])
    }
    vocabulary = try Self.vocabulary(model["vocab"])
    self.model = try WordPiece(
      vocabulary: vocabulary,
      unknownToken: try model["unk_token"].string() ?? "[UNK]",
      continuingPrefix: try model["continuing_subword_prefix"].string() ?? "##",
      maximumWordLength: try model["max_input_chars_per_word"].int(in: 1...1 << 20) ?? 100,
      path: root.file)

    addedTokens = try Self.addedTokens(root["added_tokens"], model: self.model)
    template = try Self.template(root["post_processor"])
    padToken = try root["padding"]["pad_token"].string()
    truncatesLeft = try root["truncation"]["direction"].string() == "Left"
  }

  private static func normalizer(_ field: JSONField) throws(TokenizerError) -> BertNormalizer {
    _ = try field.type(oneOf: ["BertNormalizer"])
    return BertNormalizer(
      cleanText: try field["clean_text"].bool() ?? true,
      handleChineseChars: try field["handle_chinese_chars"].bool() ?? true,
      stripAccents: try field["strip_accents"].bool(),
      lowercase: try field["lowercase"].bool() ?? true)
  }

  private static func vocabulary(_ field: JSONField) throws(TokenizerError) -> [(token: String, id: Int32)] {
    let object = try field.object()
    var vocabulary: [(token: String, id: Int32)] = []
    vocabulary.reserveCapacity(object.count)
    for (token, value) in object {
      guard let id = value.int, (0...WordPiece.maximumId).contains(id) else {
        throw TokenizerError(
          field.file,
          "\(field.path): \(token.quoted): expected an id from 0 to \(WordPiece.maximumId), found \(value.summary)")
      }
      vocabulary.append((token, Int32(id)))
    }
    return vocabulary
  }

  private static func addedTokens(_ field: JSONField, model: WordPiece) throws(TokenizerError) -> [AddedToken] {
    var tokens: [AddedToken] = []
    var ids = AddedTokenIds(model)
    for element in try field.elements(atMost: AddedTokenIds.maximumCount) {
      let content = try element["content"].addedContent()
      guard let content else { throw element["content"].error(expected: "a string that is not empty") }
      let token = AddedToken(
        content: content, id: try element["id"].id(), singleWord: try element["single_word"].bool() ?? false,
        stripsLeft: try element["lstrip"].bool() ?? false, stripsRight: try element["rstrip"].bool() ?? false,
        isNormalized: try element["normalized"].bool() ?? false, isSpecial: try element["special"].bool() ?? false)
      // The library ignores the id and numbers tokens itself, so that a file can say other than it means.
      let id = ids.add(content)
      guard token.id == id else {
        throw TokenizerError(
          field.file, "\(element.path).id: expected \(id) for \(content.quoted), found \(token.id)")
      }
      tokens.append(token)
    }
    return tokens
  }

  private static func template(_ field: JSONField) throws(TokenizerError) -> SequenceTemplate {
    if try field.type(oneOf: ["TemplateProcessing", "BertProcessing"]) == "BertProcessing" {
      return .bert(cls: try boundary(field["cls"]), sep: try boundary(field["sep"]))
    }
    let (single, pair) = (field["single"], field["pair"])
    let template = SequenceTemplate(
      single: try parts(single, specialTokens: field["special_tokens"]),
      pair: try parts(pair, specialTokens: field["special_tokens"]))
    guard template.single.count(where: \.isFirst) == 1, !template.single.contains(where: \.isSecond) else {
      throw single.error(expected: "sequence A once")
    }
    guard template.pair.count(where: \.isFirst) == 1, template.pair.count(where: \.isSecond) == 1 else {
      throw pair.error(expected: "sequences A and B once each")
    }
    guard template.specialTokens(isPair: false) > 0 else { throw single.error(expected: "special tokens") }
    return template
  }

  /// `["[SEP]", 102]`
  private static func boundary(_ field: JSONField) throws(TokenizerError) -> Int32 {
    let elements = try field.elements(atMost: 2)
    guard elements.count == 2 else { throw field.error(expected: "a token and its id") }
    return try elements[1].id()
  }

  private static func parts(
    _ field: JSONField, specialTokens: JSONField
  ) throws(TokenizerError) -> [SequenceTemplate.Part] {
    var parts: [SequenceTemplate.Part] = []
    for element in try field.elements(atMost: maximumTemplateLength) {
      let (special, sequence) = (element["SpecialToken"], element["Sequence"])
      let type = Int32(try (special.isAbsent ? sequence : special)["type_id"].int(in: 0...127) ?? 0)
      if let name = try special["id"].string() {
        var ids: [Int32] = []
        for id in try specialTokens[name]["ids"].elements(atMost: maximumTemplateLength) { ids.append(try id.id()) }
        guard !ids.isEmpty else { throw specialTokens[name].error(expected: "the ids of this special token") }
        parts.append(.special(ids: ids, type: type))
      } else if let name = try sequence["id"].string(), name == "A" || name == "B" {
        parts.append(name == "A" ? .first(type: type) : .second(type: type))
      } else {
        throw element.error(expected: "SpecialToken or Sequence A or B")
      }
    }
    return parts
  }
}
