import Archives
import JSON

extension Tokenizer {
  static let configurationName = "tokenizer_config.json"
  static let specialTokensName = "special_tokens_map.json"
  private static let addedTokensName = "added_tokens.json"
  private static let fileLimit = 64 << 20

  /// SentencePiece's files, which hold no pipeline.
  private static let sentencePieceNames = ["sentencepiece.bpe.model", "spm.model", "spiece.model", "tokenizer.model"]

  /// Reads the tokenizer of a Hugging Face model directory: `tokenizer.json`, or `vocab.txt`, or `vocab.json` with
  /// `merges.txt`, with the settings of `tokenizer_config.json` and `special_tokens_map.json` and their defaults. Files
  /// that contradict one another are an error.
  package init(directory: String) throws(TokenizerError) {
    var files = Files(directory: directory)
    let settings = TokenizerSettings(
      configuration: try files.json(Self.configurationName), specialTokens: try files.json(Self.specialTokensName),
      model: try files.json("config.json", isKept: false))
    let vocabulary = try files.bytes(VocabularyFile.name).map { bytes throws(TokenizerError) in
      try VocabularyFile(bytes, file: "\(directory)/\(VocabularyFile.name)")
    }
    let tokenizer = try files.json(TokenizerJSON.name)
    let definition: TokenizerDefinition
    if tokenizer.value != nil {
      definition = try TokenizerDefinition(try TokenizerJSON(tokenizer), vocabulary: vocabulary, settings: settings)
    } else {
      let added = try files.json(Self.addedTokensName)
      guard added.value?.object?.isEmpty ?? true else {
        throw TokenizerError(
          "\(directory)/\(Self.addedTokensName)",
          "is read only by way of \(TokenizerJSON.name); \(Self.remedy(directory))")
      }
      let pairs = try files.json(TokenizerDefinition.bytePairsName)
      if let vocabulary {
        definition = try TokenizerDefinition(vocabulary: vocabulary, settings: settings)
      } else if pairs.value != nil {
        let file = "\(directory)/\(MergesFile.name)"
        guard let merges = try files.bytes(MergesFile.name) else {
          throw TokenizerError(
            file, "expected the merges beside \(TokenizerDefinition.bytePairsName), found no file; copy it there too")
        }
        definition = try TokenizerDefinition(
          bytePairs: pairs, merges: try MergesFile(merges, file: file), settings: settings)
      } else {
        for name in Self.sentencePieceNames where try files.bytes(name) != nil {
          throw TokenizerError(
            "\(directory)/\(name)", "is read only by way of \(TokenizerJSON.name); \(Self.remedy(directory))")
        }
        throw TokenizerError(
          directory,
          "expected \(TokenizerJSON.name), \(VocabularyFile.name) or \(TokenizerDefinition.bytePairsName), found none;"
            + " name a model directory")
      }
    }
    do {
      try self.init(definition, originals: files.found)
    } catch {
      throw TokenizerError(directory, error.reason)
    }
  }

  /// The command that writes `tokenizer.json`.
  private static func remedy(_ directory: String) -> String {
    let name = "'\(directory.escapedForDisplay)'"
    return "write it with python3 -c \"from transformers import AutoTokenizer; "
      + "AutoTokenizer.from_pretrained(\(name)).save_pretrained(\(name))\""
  }

  private struct Files {
    let directory: String
    var found: [(name: String, bytes: [UInt8])] = []

    init(directory: String) { self.directory = directory }

    /// nil if there is no such file.
    mutating func bytes(_ name: String, isKept: Bool = true) throws(TokenizerError) -> [UInt8]? {
      do throws(RegularFile.Failure) {
        let bytes = try RegularFile.contents("\(directory)/\(name)", limit: fileLimit)
        if let pointer = GitPointer.problem(bytes, fileSize: bytes.count) {
          throw RegularFile.Failure(reason: "expected a tokenizer's file, found \(pointer)")
        }
        if isKept { found.append((name, bytes)) }
        return bytes
      } catch {
        if error.isMissing { return nil }
        throw TokenizerError("\(directory)/\(name)", error.reason)
      }
    }

    /// A field without value if there is no such file.
    mutating func json(_ name: String, isKept: Bool = true) throws(TokenizerError) -> JSONField {
      let path = "\(directory)/\(name)"
      guard let bytes = try bytes(name, isKept: isKept) else { return JSONField(file: path, value: nil) }
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
