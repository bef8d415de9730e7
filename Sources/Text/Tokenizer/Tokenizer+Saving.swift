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
    for name in [TokenizerDefinition.bytePairsName, MergesFile.name] {
      if let bytes = original(name) { files.append((name, bytes)) }
    }
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

  /// The configuration as it was read, with the settings that transformers would otherwise guess.
  private var configuration: [UInt8] {
    let original = original(Self.configurationName)
    let read = original.flatMap { try? JSON.parse($0).object } ?? JSONObject()
    var settings = read
    func set(_ key: String, _ value: JSON, unless guessed: Bool = false) {
      if !guessed, settings[key]?.isNull ?? true { settings[key] = value }
    }
    if let normalizer = definition.bert?.normalizer {
      set("do_lower_case", .bool(normalizer.lowercase))
      set("strip_accents", .bool(normalizer.stripAccents), unless: normalizer.stripAccents == normalizer.lowercase)
      set("tokenize_chinese_chars", .bool(normalizer.handleChineseChars))
    }
    for (key, token) in specialTokensMap { set(key, token) }
    set("truncation_side", "left", unless: !definition.truncatesLeft)
    if isBertTokenizer {
      set("tokenizer_class", "BertTokenizer")
    } else {
      // The class that takes tokenizer.json as it is, where others build anew from settings.
      settings["tokenizer_class"] = "PreTrainedTokenizerFast"
      let types: [JSON] = segments(isPair: true) > 1 ? ["token_type_ids"] : []
      set("model_input_names", .array(["input_ids"] + types + ["attention_mask"]))
    }
    if let original, settings == read { return original }
    return JSON.object(settings).bytes(.pretty)
  }

  /// Whether the settings of `BertTokenizer` can say all that `tokenizer.json` says.
  private var isBertTokenizer: Bool {
    guard let bert = definition.bert else { return false }
    return bert.normalizer.cleanText && bert.model.continuingPrefix == "##" && bert.model.maximumWordLength == 100
      && definition.template == .bert(cls: definition.clsId, sep: definition.sepId)
  }

  // MARK: special_tokens_map.json

  private var specialTokensMap: JSONObject {
    let mask = definition.id(of: "[MASK]") ?? definition.id(of: "<mask>")
    let ids = [
      ("unk_token", unknownId ?? definition.id(of: "<unk>")), ("sep_token", definition.sepId), ("pad_token", padId),
      ("cls_token", definition.clsId), ("mask_token", mask),
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
    guard case .wordPiece(let model) = definition.model else { return nil }
    let tokens = model.vocabulary.tokens.compactMap { $0 }
    let bytes = tokens.flatMap { Array($0.utf8) + [UInt8(ascii: "\n")] }
    guard let file = try? VocabularyFile(bytes, file: VocabularyFile.name),
      file.lines.count == model.vocabulary.tokens.count,
      zip(file.lines, model.vocabulary.tokens).allSatisfy({ $0.utf8.elementsEqual(($1 ?? "\n").utf8) })
    else { return nil }
    return bytes
  }

  // MARK: tokenizer.json

  /// All that was read, written anew.
  var tokenizerJSON: JSON {
    let decoder: JSON
    switch definition.model {
    case .wordPiece(let model):
      decoder = ["type": "WordPiece", "prefix": .string(model.continuingPrefix), "cleanup": true]
    case .bytePairs: decoder = ByteLevel().json
    case .unigram: decoder = Metaspace().json
    }
    return [
      "version": "1.0",
      "truncation": .null,
      "padding": .null,
      "added_tokens": .array(definition.addedTokens.sorted { $0.id < $1.id }.map(\.json)),
      "normalizer": definition.normalizer?.json ?? .null,
      "pre_tokenizer": definition.preTokenizer?.json ?? .null,
      "post_processor": definition.postProcessor.json { definition.token(of: $0) },
      "decoder": decoder,
      "model": definition.model.json,
    ]
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
