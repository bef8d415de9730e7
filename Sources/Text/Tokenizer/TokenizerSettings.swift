/// What `tokenizer_config.json`, `special_tokens_map.json` and the model's `config.json` say; any may be missing.
struct TokenizerSettings {
  let configuration: JSONField
  let specialTokens: JSONField
  let model: JSONField

  /// The special tokens of BERT, which every tokenizer has unless it says otherwise.
  static let defaults = [
    ("unk_token", "[UNK]"), ("sep_token", "[SEP]"), ("pad_token", "[PAD]"), ("cls_token", "[CLS]"),
    ("mask_token", "[MASK]"),
  ]
  /// Those of RoBERTa.
  static let robertaDefaults = [
    ("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "</s>"), ("pad_token", "<pad>"),
    ("cls_token", "<s>"), ("mask_token", "<mask>"),
  ]

  /// Where a setting such as `cls_token` is made. Where both files make it, transformers takes the special tokens map's,
  /// but ignores that file once the configuration lists added tokens.
  func field(_ key: String) -> JSONField {
    configuration["added_tokens_decoder"].isAbsent && !specialTokens[key].isAbsent
      ? specialTokens[key] : configuration[key]
  }

  func truncatesLeft() throws(TokenizerError) -> Bool? {
    guard let side = try configuration["truncation_side"].string() else { return nil }
    guard side == "left" || side == "right" else {
      throw configuration["truncation_side"].error(expected: "left or right")
    }
    return side == "left"
  }

  /// An added token as these files write it: its text, or an object with its flags.
  func addedToken(_ field: JSONField, id: Int32) throws(TokenizerError) -> AddedToken? {
    guard let content = try field.addedContent() else { return nil }
    return AddedToken(
      content: content, id: id, singleWord: try field["single_word"].bool() ?? false,
      stripsLeft: try field["lstrip"].bool() ?? false, stripsRight: try field["rstrip"].bool() ?? false,
      isNormalized: try field["normalized"].bool() ?? false, isSpecial: try field["special"].bool() ?? true)
  }

  // MARK: Classes

  /// The class that transformers opens the tokenizer with: that of the tokenizer's configuration, else of the model's.
  private var tokenizerClass: JSONField {
    configuration["tokenizer_class"].isAbsent ? model["tokenizer_class"] : configuration["tokenizer_class"]
  }

  /// Without `Tokenizer` or `TokenizerFast` at its end; nil if none is named.
  func className() throws(TokenizerError) -> String? {
    guard var name = try tokenizerClass.string() else { return nil }
    if name.hasSuffix("Fast") { name.removeLast(4) }
    if name.hasSuffix("Tokenizer") { name.removeLast(9) }
    return name
  }

  /// Those that take `tokenizer.json` as it is.
  static let generic = ["PreTrained", "TokenizersBackend"]

  private static let wordPiece = ["Bert", "DistilBert", "Electra", "MobileBert", "MPNet", "ConvBert", "SqueezeBert"]
  private static let bytePairs = ["Roberta", "GPT2", "Deberta", "Longformer", "Bart", "ModernBert", "Llama"]
  private static let unigram = ["XLMRoberta", "Camembert", "DebertaV2", "Albert", "XLNet", "T5", "MBart"]

  /// Other classes make tokens in a way of their own, whatever the files beside say.
  func checkClass(beside file: String, oneOf names: [String]) throws(TokenizerError) {
    guard let name = try className(), !names.contains(name) else { return }
    throw tokenizerClass.error(
      expected: "\(names[0])Tokenizer or one like it beside a \(file)", remedy: "use a model with such a tokenizer")
  }

  func checkClass(_ tokenizer: TokenizerJSON) throws(TokenizerError) {
    let names =
      switch tokenizer.model {
      case .wordPiece: Self.wordPiece
      case .bytePairs: Self.bytePairs
      case .unigram: Self.unigram
      }
    try checkClass(beside: TokenizerJSON.name, oneOf: names + Self.generic)
    // This class asks its settings whether a text starts with a space, not the file.
    let isRoberta = try className().map { $0 == "Roberta" } ?? (model["model_type"].value?.string == "roberta")
    if isRoberta, case .byteLevel(let byteLevel) = tokenizer.preTokenizer {
      let field = configuration["add_prefix_space"]
      guard try field.bool() ?? false == byteLevel.addsPrefixSpace else {
        throw TokenizerError(
          field.file,
          "\(field.path): expected \(byteLevel.addsPrefixSpace), the pre-tokenizer's in \(TokenizerJSON.name) beside it, "
            + "found \(field.value?.summary ?? "nothing"); correct the one that is wrong")
      }
    }
  }
}
