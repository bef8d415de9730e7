/// What `tokenizer_config.json` and `special_tokens_map.json` say; either may be missing.
struct TokenizerSettings {
  let configuration: JSONField
  let specialTokens: JSONField

  /// The special tokens of BERT, which every tokenizer has unless it says otherwise.
  static let defaults = [
    ("unk_token", "[UNK]"), ("sep_token", "[SEP]"), ("pad_token", "[PAD]"), ("cls_token", "[CLS]"),
    ("mask_token", "[MASK]"),
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
}
