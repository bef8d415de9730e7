import JSON

/// What the files of a tokenizer say together.
struct TokenizerDefinition: Sendable {
  var normalizer: Normalizer?
  var preTokenizer: PreTokenizer?
  var model: TokenModel
  /// In the order in which the library adds them.
  var addedTokens: [AddedToken]
  var postProcessor: PostProcessor
  var template: SequenceTemplate
  var padId: Int32?
  /// Whether truncation drops the first tokens instead of the last.
  var truncatesLeft: Bool

  /// The first and the last of the special tokens around a text.
  var clsId: Int32 { template.specialIds.first ?? 0 }
  var sepId: Int32 { template.specialIds.last ?? 0 }

  var trims: [PostProcessor.OffsetTrim] { postProcessor.trims }

  /// Set if all is as in BERT, for which there is a quicker way.
  var bert: BertPipeline? {
    guard let normalizer = bertNormalizer, case .wordPiece(let model) = model else { return nil }
    switch preTokenizer {
    case .bert: break
    case .sequence(let parts): guard parts.count == 1, case .bert = parts[0] else { return nil }
    default: return nil
    }
    return BertPipeline(normalizer: normalizer, model: model)
  }

  func id(of token: String) -> Int32? {
    addedTokens.first { $0.content.utf8.elementsEqual(token.utf8) }?.id ?? model.vocabulary.id(of: token)
  }

  func token(of id: Int32) -> String? {
    if let added = addedTokens.first(where: { $0.id == id }) { return added.content }
    return model.vocabulary.token(of: id)
  }
}

/// `BertNormalizer`, `BertPreTokenizer` and WordPiece.
struct BertPipeline: Sendable {
  var normalizer: BertNormalizer
  var model: WordPiece
}

// MARK: From tokenizer.json

extension TokenizerDefinition {
  /// `tokenizer.json` decides. The other files may only say the same.
  init(
    _ tokenizer: TokenizerJSON, vocabulary: VocabularyFile?, settings: TokenizerSettings
  ) throws(TokenizerError) {
    try settings.checkClass(tokenizer)
    normalizer = tokenizer.normalizer
    preTokenizer = tokenizer.preTokenizer
    model = tokenizer.model
    addedTokens = tokenizer.addedTokens
    postProcessor = tokenizer.postProcessor
    template = tokenizer.template
    truncatesLeft = try settings.truncatesLeft() ?? tokenizer.truncatesLeft
    padId = nil
    padId = id(of: try settings.field("pad_token").tokenContent() ?? tokenizer.padToken ?? "[PAD]")
    for case .special(let ids, _) in template.single + template.pair {
      for id in ids where token(of: id) == nil {
        throw TokenizerError(tokenizer.file, "post_processor: expected ids of tokens, found \(id)")
      }
    }

    if let vocabulary,
      let difference = vocabulary.difference(from: model.vocabulary, addedTokens: tokenizer.addedTokens)
    {
      throw TokenizerError(
        tokenizer.file, "contradicts \(VocabularyFile.name) beside it: \(difference); remove the one that is wrong")
    }
    if let normalizer = bertNormalizer {
      try check(settings.configuration["do_lower_case"], is: normalizer.lowercase, tokenizer, "lowercase")
      try check(settings.configuration["strip_accents"], is: normalizer.stripAccents, tokenizer, "strip_accents")
      try check(
        settings.configuration["tokenize_chinese_chars"], is: normalizer.handleChineseChars, tokenizer,
        "handle_chinese_chars")
    }
    for (key, id) in [("unk_token", model.unknownId), ("cls_token", clsId), ("sep_token", sepId)] {
      let field = settings.field(key)
      guard let id, let found = try field.tokenContent(), self.id(of: found) != id else { continue }
      throw TokenizerError(
        field.file,
        "\(key): expected \((token(of: id) ?? "").quoted) as in \(TokenizerJSON.name) beside it, found \(found.quoted)")
    }
  }

  /// BERT's normalizer where it is the only one, alone in a sequence or not.
  var bertNormalizer: BertNormalizer? {
    switch normalizer {
    case .bert(let normalizer): return normalizer
    case .sequence(let parts):
      guard parts.count == 1, case .bert(let normalizer) = parts[0] else { return nil }
      return normalizer
    default: return nil
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
  /// `vocab.txt` with the settings of `tokenizer_config.json` or the defaults of `BertTokenizer`.
  init(vocabulary: VocabularyFile, settings: TokenizerSettings) throws(TokenizerError) {
    let configuration = settings.configuration
    try settings.checkClass(beside: VocabularyFile.name, oneOf: ["Bert", "DistilBert", "Electra", "MobileBert"])
    normalizer = .bert(
      BertNormalizer(
        cleanText: true,
        handleChineseChars: try configuration["tokenize_chinese_chars"].bool() ?? true,
        stripAccents: try configuration["strip_accents"].bool(),
        lowercase: try configuration["do_lower_case"].bool() ?? true))
    preTokenizer = .bert
    model = .wordPiece(
      try WordPiece(
        try Vocabulary(vocabulary.vocabulary, file: vocabulary.file),
        unknownToken: try settings.field("unk_token").tokenContent() ?? "[UNK]"))
    template = .bert(cls: 0, sep: 0)
    postProcessor = .template(template)
    padId = nil
    addedTokens = []
    truncatesLeft = try settings.truncatesLeft() ?? false

    try addTokens(settings)
    func required(_ key: String, _ fallback: String) throws(TokenizerError) -> Int32 {
      let token = try settings.field(key).tokenContent() ?? fallback
      guard let id = model.vocabulary.id(of: token) else {
        throw TokenizerError(vocabulary.file, "lacks \(token.quoted), the \(key)")
      }
      return id
    }
    padId = id(of: try settings.field("pad_token").tokenContent() ?? "[PAD]")
    template = .bert(cls: try required("cls_token", "[CLS]"), sep: try required("sep_token", "[SEP]"))
    postProcessor = .template(template)
  }

  /// Those that the configuration lists with their ids, and the special ones. A special token that nobody named and
  /// that the vocabulary lacks is left out: it would have no embedding.
  mutating func addTokens(
    _ settings: TokenizerSettings, defaults: [(String, String)] = TokenizerSettings.defaults
  ) throws(TokenizerError) {
    var added = AddedTokenIds(model.vocabulary)
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
    for (key, fallback) in defaults {
      let field = settings.field(key)
      if let token = try settings.addedToken(field, id: -1) {
        try add(token, field, &added)
      } else if model.vocabulary.id(of: fallback) != nil {
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
