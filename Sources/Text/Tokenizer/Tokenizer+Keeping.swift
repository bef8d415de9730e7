import JSON

/// Smaller vocabularies: the same tokenizer with a part of its tokens, in the same order, under new ids.
extension Tokenizer {
  /// Whether each id means the same token.
  package func hasSameVocabulary(as other: Tokenizer) -> Bool { firstDifference(from: other) == nil }

  /// The first id that means another token.
  package func firstDifference(from other: Tokenizer) -> Int32? {
    (0..<Int32(max(vocabularySize, other.vocabularySize))).first { token(of: $0) != other.token(of: $0) }
  }

  /// The ids that a smaller vocabulary must have: added and special tokens, and every single character, of which any word
  /// can be made that the whole vocabulary knows.
  package func indispensable() throws(TokenizerError) -> [Int32] {
    let model = try wordPiece()
    var ids = Set(definition.addedTokens.map(\.id) + [model.unknownId])
    if let padId { ids.insert(padId) }
    for case .special(let special, _) in definition.template.single + definition.template.pair {
      ids.formUnion(special)
    }
    for (id, token) in model.vocabulary.tokens.enumerated() {
      guard let token else { continue }
      let isContinuing = token.utf8.starts(with: model.continuingPrefix.utf8)
      let characters = token.unicodeScalars.count - (isContinuing ? model.continuingPrefix.unicodeScalars.count : 0)
      if characters == 1 || token.unicodeScalars.count == 1 { ids.insert(Int32(id)) }
    }
    return ids.sorted()
  }

  /// The same tokenizer with these tokens alone. The longest piece that starts a word is still taken first.
  /// - Parameter ids: ascending, those of `indispensable` among them. The new id of each is its place.
  package func keeping(_ ids: [Int32]) throws(TokenizerError) -> Tokenizer {
    let model = try wordPiece()
    let places = Dictionary(uniqueKeysWithValues: zip(ids, Int32(0)...))
    func place(_ id: Int32) throws(TokenizerError) -> Int32 {
      guard let place = places[id] else {
        throw TokenizerError(
          model.vocabulary.file, "token \(id): expected it in a smaller vocabulary, found it missing")
      }
      return place
    }
    var vocabulary: [(token: String, id: Int32)] = []
    for id in ids {
      guard let token = model.vocabulary.token(of: id) else { continue }
      vocabulary.append((token, try place(id)))
    }
    var smaller = definition
    smaller.model = .wordPiece(
      try WordPiece(
        try Vocabulary(vocabulary, file: model.vocabulary.file), unknownToken: model.unknownToken,
        continuingPrefix: model.continuingPrefix, maximumWordLength: model.maximumWordLength))
    for index in smaller.addedTokens.indices {
      smaller.addedTokens[index].id = try place(smaller.addedTokens[index].id)
    }
    smaller.postProcessor = try definition.postProcessor.moving(place)
    smaller.template = try definition.template.moving(place)
    if let padId = definition.padId { smaller.padId = try place(padId) }
    return try Tokenizer(smaller, originals: settings(movedTo: places))
  }

  private func wordPiece() throws(TokenizerError) -> WordPiece {
    let found: String
    switch definition.model {
    case .wordPiece(let model): return model
    case .bytePairs: found = "BPE"
    case .unigram: found = "Unigram"
    }
    throw TokenizerError(
      definition.model.vocabulary.file,
      "expected a WordPiece vocabulary, which can be made smaller, found \(found); leave out student.vocabulary")
  }

  /// The files besides the vocabulary, with new ids. What is left out is written anew from the definition.
  private func settings(movedTo places: [Int32: Int32]) -> [(name: String, bytes: [UInt8])] {
    originals.compactMap { file in
      guard [Self.configurationName, Self.specialTokensName].contains(file.name) else { return nil }
      guard var settings = try? JSON.parse(file.bytes).object,
        let listed = settings["added_tokens_decoder"]?.object
      else { return file }
      var moved = JSONObject()
      for (id, token) in zip(listed.keys, listed.values) {
        if let place = Int32(id).flatMap({ places[$0] }) { moved[String(place)] = token }
      }
      settings["added_tokens_decoder"] = .object(moved)
      return (file.name, JSON.object(settings).bytes(.pretty))
    }
  }
}

extension PostProcessor {
  fileprivate func moving(_ place: (Int32) throws(TokenizerError) -> Int32) throws(TokenizerError) -> PostProcessor {
    func moved(_ token: SpecialToken) throws(TokenizerError) -> SpecialToken {
      SpecialToken(token: token.token, id: try place(token.id))
    }
    switch self {
    case .template(let template): return .template(try template.moving(place))
    case .bert(let cls, let sep): return .bert(cls: try moved(cls), sep: try moved(sep))
    case .roberta(let cls, let sep, let trimsOffsets, let addsPrefixSpace):
      return .roberta(
        cls: try moved(cls), sep: try moved(sep), trimsOffsets: trimsOffsets, addsPrefixSpace: addsPrefixSpace)
    case .byteLevel: return self
    case .sequence(let processors):
      var all: [PostProcessor] = []
      for processor in processors { all.append(try processor.moving(place)) }
      return .sequence(all)
    }
  }
}

extension SequenceTemplate {
  fileprivate func moving(_ place: (Int32) throws(TokenizerError) -> Int32) throws(TokenizerError) -> SequenceTemplate {
    func moved(_ parts: [Part]) throws(TokenizerError) -> [Part] {
      var all: [Part] = []
      for part in parts {
        guard case .special(let ids, let type) = part else {
          all.append(part)
          continue
        }
        var places: [Int32] = []
        for id in ids { places.append(try place(id)) }
        all.append(.special(ids: places, type: type))
      }
      return all
    }
    return SequenceTemplate(single: try moved(single), pair: try moved(pair))
  }
}
