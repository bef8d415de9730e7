import Glibc
import JSON

extension Tokenizer {
  /// What a saved model needs for transformers to open the same tokenizer: the files that were read, unchanged where
  /// they say enough, and those that were missing.
  package func files() -> [(name: String, bytes: [UInt8])] {
    var files = [
      (TokenizerJSON.name, original(TokenizerJSON.name) ?? tokenizerJSON.bytes(.pretty)),
      (Self.configurationName, configuration),
      (Self.specialTokensName, original(Self.specialTokensName) ?? JSON.object(specialTokensMap).bytes(.pretty)),
    ]
    if let vocabulary = original(VocabularyFile.name) ?? vocabulary { files.append((VocabularyFile.name, vocabulary)) }
    return files
  }

  /// Writes the tokenizer's files into an existing directory, replacing what they held.
  package func write(to directory: String) throws(TokenizerError) {
    for (name, bytes) in files() {
      let path = "\(directory)/\(name)"
      let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else {
        throw TokenizerError(path, "cannot be created: \(String(cString: strerror(errno)))")
      }
      defer { close(descriptor) }
      var rest = bytes[...]
      while !rest.isEmpty {
        let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { throw TokenizerError(path, "cannot be written: \(String(cString: strerror(errno)))") }
        rest = rest.dropFirst(written)
      }
    }
  }

  private func original(_ name: String) -> [UInt8]? {
    originals.first { $0.name == name }?.bytes
  }

  // MARK: tokenizer_config.json

  /// The configuration as it was read, with the settings that `BertTokenizer` would otherwise guess.
  private var configuration: [UInt8] {
    let original = original(Self.configurationName)
    let read = original.flatMap { try? JSON.parse($0).object } ?? JSONObject()
    var settings = read
    let normalizer = definition.normalizer
    func set(_ key: String, _ value: JSON, unless guessed: Bool = false) {
      if !guessed, settings[key]?.isNull ?? true { settings[key] = value }
    }
    set("do_lower_case", .bool(normalizer.lowercase))
    set("strip_accents", .bool(normalizer.stripAccents), unless: normalizer.stripAccents == normalizer.lowercase)
    set("tokenize_chinese_chars", .bool(normalizer.handleChineseChars))
    for (key, token) in specialTokensMap { set(key, token) }
    set("truncation_side", "left", unless: !definition.truncatesLeft)
    if isBertTokenizer {
      set("tokenizer_class", "BertTokenizer")
    } else {
      // The class that takes tokenizer.json as it is, where BertTokenizer builds anew from the settings above.
      settings["tokenizer_class"] = "PreTrainedTokenizerFast"
      set("model_input_names", ["input_ids", "token_type_ids", "attention_mask"])
    }
    if let original, settings == read { return original }
    return JSON.object(settings).bytes(.pretty)
  }

  /// Whether the settings of `BertTokenizer` can say all that `tokenizer.json` says.
  private var isBertTokenizer: Bool {
    definition.normalizer.cleanText && definition.model.continuingPrefix == "##"
      && definition.model.maximumWordLength == 100
      && definition.template == .bert(cls: definition.clsId, sep: definition.sepId)
  }

  // MARK: special_tokens_map.json

  private var specialTokensMap: JSONObject {
    let mask = TokenizerSettings.defaults.first { $0.0 == "mask_token" }?.1 ?? ""
    let ids = [
      ("unk_token", unknownId), ("sep_token", sepId), ("pad_token", padId), ("cls_token", clsId),
      ("mask_token", definition.id(of: mask)),
    ]
    var map = JSONObject()
    for (key, id) in ids {
      if let token = id.flatMap({ definition.token(of: $0) }) { map[key] = .string(token) }
    }
    return map
  }

  // MARK: vocab.txt

  /// Tokens by line, or nil if they cannot be written so: an id may be unused, or a token end in whitespace.
  private var vocabulary: [UInt8]? {
    let tokens = definition.model.tokens.compactMap { $0 }
    let bytes = tokens.flatMap { Array($0.utf8) + [UInt8(ascii: "\n")] }
    guard let file = try? VocabularyFile(bytes, file: VocabularyFile.name),
      file.lines.count == definition.model.tokens.count,
      zip(file.lines, definition.model.tokens).allSatisfy({ $0.utf8.elementsEqual(($1 ?? "\n").utf8) })
    else { return nil }
    return bytes
  }

  // MARK: tokenizer.json

  private var tokenizerJSON: JSON {
    let normalizer = definition.normalizer
    var vocabulary = JSONObject()
    for (id, token) in definition.model.tokens.enumerated() {
      if let token { vocabulary[token] = .integer(id) }
    }
    return [
      "version": "1.0",
      "truncation": .null,
      "padding": .null,
      "added_tokens": .array(definition.addedTokens.sorted { $0.id < $1.id }.map(\.json)),
      "normalizer": [
        "type": "BertNormalizer",
        "clean_text": .bool(normalizer.cleanText),
        "handle_chinese_chars": .bool(normalizer.handleChineseChars),
        "strip_accents": .bool(normalizer.stripAccents),
        "lowercase": .bool(normalizer.lowercase),
      ],
      "pre_tokenizer": ["type": "BertPreTokenizer"],
      "post_processor": [
        "type": "TemplateProcessing",
        "single": .array(definition.template.single.map(json)),
        "pair": .array(definition.template.pair.map(json)),
        "special_tokens": .object(templateTokens),
      ],
      "decoder": ["type": "WordPiece", "prefix": .string(definition.model.continuingPrefix), "cleanup": true],
      "model": [
        "type": "WordPiece",
        "unk_token": .string(definition.model.unknownToken),
        "continuing_subword_prefix": .string(definition.model.continuingPrefix),
        "max_input_chars_per_word": .integer(definition.model.maximumWordLength),
        "vocab": .object(vocabulary),
      ],
    ]
  }

  private func json(_ part: SequenceTemplate.Part) -> JSON {
    switch part {
    case .special(let ids, let type):
      ["SpecialToken": ["id": .string(name(ids)), "type_id": .integer(Int(type))]]
    case .first(let type): ["Sequence": ["id": "A", "type_id": .integer(Int(type))]]
    case .second(let type): ["Sequence": ["id": "B", "type_id": .integer(Int(type))]]
    }
  }

  /// What a template calls a special token: its text.
  private func name(_ ids: [Int32]) -> String {
    ids.compactMap { definition.token(of: $0) }.joined()
  }

  private var templateTokens: JSONObject {
    var tokens = JSONObject()
    for case .special(let ids, _) in definition.template.single + definition.template.pair {
      tokens[name(ids)] = [
        "id": .string(name(ids)),
        "ids": .array(ids.map { .integer(Int($0)) }),
        "tokens": .array(ids.map { .string(definition.token(of: $0) ?? "") }),
      ]
    }
    return tokens
  }
}

extension AddedToken {
  fileprivate var json: JSON {
    [
      "id": .integer(Int(id)),
      "content": .string(content),
      "single_word": .bool(singleWord),
      "lstrip": .bool(stripsLeft),
      "rstrip": .bool(stripsRight),
      "normalized": .bool(isNormalized),
      "special": .bool(isSpecial),
    ]
  }
}
