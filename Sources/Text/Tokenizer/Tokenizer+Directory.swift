import JSON

extension Tokenizer {
  static let configurationName = "tokenizer_config.json"
  static let specialTokensName = "special_tokens_map.json"
  private static let addedTokensName = "added_tokens.json"
  private static let fileLimit = 64 << 20

  /// Reads the tokenizer of a Hugging Face model directory: `tokenizer.json`, or `vocab.txt` with the settings of
  /// `tokenizer_config.json` and `special_tokens_map.json` and their defaults. Files that contradict one another are
  /// an error.
  package init(directory: String) throws(TokenizerError) {
    var files = Files(directory: directory)
    let settings = TokenizerSettings(
      configuration: try files.json(Self.configurationName), specialTokens: try files.json(Self.specialTokensName))
    let vocabulary = try files.bytes(VocabularyFile.name).map { bytes throws(TokenizerError) in
      try VocabularyFile(bytes, file: "\(directory)/\(VocabularyFile.name)")
    }
    let tokenizer = try files.json(TokenizerJSON.name)
    let definition: TokenizerDefinition
    if tokenizer.value != nil {
      definition = try TokenizerDefinition(try TokenizerJSON(tokenizer), vocabulary: vocabulary, settings: settings)
    } else if let vocabulary {
      guard try files.bytes(Self.addedTokensName) == nil else {
        throw TokenizerError(
          "\(directory)/\(Self.addedTokensName)",
          "is read only by way of \(TokenizerJSON.name); open and save the tokenizer with transformers to get one")
      }
      definition = try TokenizerDefinition(vocabulary: vocabulary, settings: settings)
    } else {
      throw TokenizerError(
        directory, "expected \(TokenizerJSON.name) or \(VocabularyFile.name), found neither; name a model directory")
    }
    do {
      try self.init(definition, originals: files.found)
    } catch {
      throw TokenizerError(directory, error.reason)
    }
  }

  private struct Files {
    let directory: String
    var found: [(name: String, bytes: [UInt8])] = []

    init(directory: String) { self.directory = directory }

    /// nil if there is no such file.
    mutating func bytes(_ name: String) throws(TokenizerError) -> [UInt8]? {
      do {
        let bytes = try RegularFile.contents("\(directory)/\(name)", limit: fileLimit)
        found.append((name, bytes))
        return bytes
      } catch {
        if error.isMissing { return nil }
        throw TokenizerError("\(directory)/\(name)", error.reason)
      }
    }

    /// A field without value if there is no such file.
    mutating func json(_ name: String) throws(TokenizerError) -> JSONField {
      let path = "\(directory)/\(name)"
      guard let bytes = try bytes(name) else { return JSONField(file: path, value: nil) }
      let json: JSON
      do {
        json = try JSON.parse(bytes)
      } catch {
        throw TokenizerError(path, error.description)
      }
      guard json.object != nil else { throw TokenizerError(path, "expected an object, found \(json.summary)") }
      return JSONField(file: path, value: json)
    }
  }
}
