import JSON

/// `merges.txt`: the merges of BPE, one a line.
struct MergesFile {
  static let name = "merges.txt"

  let merges: [(first: String, second: String)]

  init(_ bytes: [UInt8], file: String) throws(TokenizerError) {
    if let invalid = UTF8Text.firstInvalid(bytes[...]) {
      throw TokenizerError(file, "expected UTF-8, found byte \(bytes[invalid]) at offset \(invalid)")
    }
    var merges: [(first: String, second: String)] = []
    var (rest, number) = (bytes[...], 0)
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
      var line = rest[..<end]
      rest = rest[min(end + 1, rest.endIndex)...]
      number += 1
      if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
      if line.starts(with: "#version".utf8) { continue }
      let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 2, merges.count < BytePairEncoding.maximumMerges else {
        throw TokenizerError(
          file,
          "line \(number): expected two tokens with a blank between them, on at most "
            + "\(BytePairEncoding.maximumMerges) lines")
      }
      merges.append((String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self)))
    }
    self.merges = merges
  }
}

extension TokenizerDefinition {
  static let bytePairsName = "vocab.json"

  /// `vocab.json` and `merges.txt` with the settings of `tokenizer_config.json` or the defaults of `RobertaTokenizer`.
  init(
    bytePairs vocabulary: JSONField, merges: MergesFile, settings: TokenizerSettings
  ) throws(TokenizerError) {
    try settings.checkClass(beside: Self.bytePairsName, oneOf: ["Roberta"])
    let configuration = settings.configuration
    let byteLevel = ByteLevel(
      addsPrefixSpace: try configuration["add_prefix_space"].bool() ?? false,
      trimsOffsets: try configuration["trim_offsets"].bool() ?? true)
    normalizer = nil
    preTokenizer = .byteLevel(ByteLevel(addsPrefixSpace: byteLevel.addsPrefixSpace))
    model = .bytePairs(
      try BytePairEncoding(
        try Vocabulary(try vocabulary.vocabulary(), file: vocabulary.file), merges: merges.merges,
        settings: BytePairEncoding.Settings(), field: JSONField(file: vocabulary.file, value: nil)))
    template = .roberta(cls: 0, sep: 0)
    postProcessor = .template(template)
    addedTokens = []
    padId = nil
    truncatesLeft = try settings.truncatesLeft() ?? false

    try addTokens(settings, defaults: TokenizerSettings.robertaDefaults)
    func special(_ key: String, _ fallback: String) throws(TokenizerError) -> PostProcessor.SpecialToken {
      let token = try settings.field(key).tokenContent() ?? fallback
      guard let id = id(of: token) else {
        throw TokenizerError(vocabulary.file, "lacks \(token.quoted), the \(key)")
      }
      return PostProcessor.SpecialToken(token: token, id: id)
    }
    let (cls, sep) = (try special("cls_token", "<s>"), try special("sep_token", "</s>"))
    postProcessor = .roberta(
      cls: cls, sep: sep, trimsOffsets: byteLevel.trimsOffsets, addsPrefixSpace: byteLevel.addsPrefixSpace)
    template = .roberta(cls: cls.id, sep: sep.id)
    padId = id(of: try settings.field("pad_token").tokenContent() ?? "<pad>")
  }
}
