import JSON

/// What the files of a tokenizer say together.
struct TokenizerDefinition: Sendable {
  var normalizer: BertNormalizer
  var model: WordPiece
  /// In the order in which the library adds them.
  var addedTokens: [AddedToken]
  var template: SequenceTemplate
  var clsId: Int32
  var sepId: Int32
  var padId: Int32?
  /// Whether truncation drops the first tokens instead of the last.
  var truncatesLeft: Bool

  func id(of token: String) -> Int32? {
    addedTokens.first { $0.content.utf8.elementsEqual(token.utf8) }?.id ?? model.id(of: token)
  }

  func token(of id: Int32) -> String? {
    if let added = addedTokens.first(where: { $0.id == id }) { return added.content }
    return model.token(of: id)
  }
}

// MARK: From tokenizer.json

extension TokenizerDefinition {
  /// `tokenizer.json` decides. The other files may only say the same.
  init(
    _ tokenizer: TokenizerJSON, vocabulary: VocabularyFile?, settings: TokenizerSettings
  ) throws(TokenizerError) {
    normalizer = tokenizer.normalizer
    model = tokenizer.model
    addedTokens = tokenizer.addedTokens
    template = tokenizer.template
    let special = template.specialIds
    (clsId, sepId) = (special[0], special[special.count - 1])
    truncatesLeft = try settings.truncatesLeft() ?? tokenizer.truncatesLeft
    padId = nil
    padId = id(of: try settings.field("pad_token").tokenContent() ?? tokenizer.padToken ?? "[PAD]")
    for case .special(let ids, _) in template.single + template.pair {
      for id in ids where token(of: id) == nil {
        throw TokenizerError(tokenizer.file, "post_processor: expected ids of tokens, found \(id)")
      }
    }

    if let vocabulary,
      let difference = vocabulary.difference(from: tokenizer.vocabulary, addedTokens: tokenizer.addedTokens)
    {
      throw TokenizerError(
        tokenizer.file, "contradicts \(VocabularyFile.name) beside it: \(difference); remove the one that is wrong")
    }
    try check(settings.configuration["do_lower_case"], is: normalizer.lowercase, tokenizer, "lowercase")
    try check(settings.configuration["strip_accents"], is: normalizer.stripAccents, tokenizer, "strip_accents")
    try check(
      settings.configuration["tokenize_chinese_chars"], is: normalizer.handleChineseChars, tokenizer,
      "handle_chinese_chars")
    for (key, id) in [("unk_token", model.unknownId), ("cls_token", clsId), ("sep_token", sepId)] {
      let field = settings.field(key)
      guard let found = try field.tokenContent(), self.id(of: found) != id else { continue }
      throw TokenizerError(
        field.file,
        "\(key): expected \((token(of: id) ?? "").quoted) as in \(TokenizerJSON.name) beside it, found \(found.quoted)")
    }
  }

  private func check(
    _ field: JSONField, is value: Bool, _ tokenizer: TokenizerJSON, _ key: String
  ) throws(TokenizerError) {
    guard let found = try field.bool(), found != value else { return }
    throw TokenizerError(
      field.file,
      "\(field.path): expected \(value), the normalizer's \(key) in \(TokenizerJSON.name) beside it, found \(found);"
        + " correct the one that is wrong")
  }
}

// MARK: From vocab.txt

extension TokenizerDefinition {
  private static let classes = ["Bert", "DistilBert", "Electra", "MobileBert"]

  /// `vocab.txt` with the settings of `tokenizer_config.json` or the defaults of `BertTokenizer`.
  init(vocabulary: VocabularyFile, settings: TokenizerSettings) throws(TokenizerError) {
    let configuration = settings.configuration
    let tokenizerClass = configuration["tokenizer_class"]
    if let name = try tokenizerClass.string() {
      let supported = Self.classes.flatMap { ["\($0)Tokenizer", "\($0)TokenizerFast"] }
      guard supported.contains(name) else {
        throw tokenizerClass.error(expected: "BertTokenizer or one like it beside a \(VocabularyFile.name)")
      }
    }
    normalizer = BertNormalizer(
      cleanText: true,
      handleChineseChars: try configuration["tokenize_chinese_chars"].bool() ?? true,
      stripAccents: try configuration["strip_accents"].bool(),
      lowercase: try configuration["do_lower_case"].bool() ?? true)
    model = try WordPiece(
      vocabulary: vocabulary.vocabulary, unknownToken: try settings.field("unk_token").tokenContent() ?? "[UNK]",
      path: vocabulary.file)
    template = .bert(cls: 0, sep: 0)
    (clsId, sepId, padId) = (0, 0, nil)
    addedTokens = []
    truncatesLeft = try settings.truncatesLeft() ?? false

    try addTokens(settings)
    func required(_ key: String, _ fallback: String) throws(TokenizerError) -> Int32 {
      let token = try settings.field(key).tokenContent() ?? fallback
      guard let id = model.id(of: token) else {
        throw TokenizerError(vocabulary.file, "lacks \(token.quoted), the \(key)")
      }
      return id
    }
    clsId = try required("cls_token", "[CLS]")
    sepId = try required("sep_token", "[SEP]")
    padId = id(of: try settings.field("pad_token").tokenContent() ?? "[PAD]")
    template = .bert(cls: clsId, sep: sepId)
  }

  /// Those that the configuration lists with their ids, and the special ones. A special token that nobody named and
  /// that the vocabulary lacks is left out: it would have no embedding.
  private mutating func addTokens(_ settings: TokenizerSettings) throws(TokenizerError) {
    var added = AddedTokenIds(model)
    let listed = settings.configuration["added_tokens_decoder"]
    if !listed.isAbsent {
      let ids = try listed.object().keys.map { key throws(TokenizerError) in
        guard let id = Int32(key) else { throw listed[key].error(expected: "a number for a key") }
        return id
      }
      for id in ids.sorted() {
        let field = listed[String(id)]
        guard let token = try settings.addedToken(field, id: id) else {
          throw field.error(expected: "an object with the token's content")
        }
        try add(token, field, &added)
      }
    }
    for (key, fallback) in TokenizerSettings.defaults {
      let field = settings.field(key)
      if let token = try settings.addedToken(field, id: -1) {
        try add(token, field, &added)
      } else if model.id(of: fallback) != nil {
        try add(AddedToken(content: fallback, id: -1, isSpecial: true), field, &added)
      }
    }
    for field in try settings.field("additional_special_tokens").elements(atMost: AddedTokenIds.maximumCount) {
      if let token = try settings.addedToken(field, id: -1) { try add(token, field, &added) }
    }
  }

  /// - Parameter token: With an id of −1 if the file leaves it to the order.
  private mutating func add(
    _ token: AddedToken, _ field: JSONField, _ added: inout AddedTokenIds
  ) throws(TokenizerError) {
    if added.contains(token.content) { return }
    guard addedTokens.count < AddedTokenIds.maximumCount else {
      throw TokenizerError(field.file, "expected at most \(AddedTokenIds.maximumCount) added tokens, found more")
    }
    var token = token
    let id = added.add(token.content)
    guard token.id == -1 || token.id == id else {
      throw TokenizerError(
        field.file, "\(field.path): expected the id \(id) for \(token.content.quoted), found \(token.id)")
    }
    token.id = id
    addedTokens.append(token)
  }
}
