import JSON

/// Smaller vocabularies: the same tokenizer with a part of its tokens, in the same order, under new ids.
extension Tokenizer {
  /// Whether each id means the same token.
  package func hasSameVocabulary(as other: Tokenizer) -> Bool { firstDifference(from: other) == nil }

  /// The first id that means another token.
  package func firstDifference(from other: Tokenizer) -> Int32? {
    (0..<Int32(max(vocabularySize, other.vocabularySize))).first { token(of: $0) != other.token(of: $0) }
  }

  /// The ids that a smaller vocabulary must have: added and special tokens, and every single character or byte, of which
  /// any word can be made that the whole vocabulary knows. Also what is before the padding token, which keeps its id.
  package func indispensable() throws(TokenizerError) -> [Int32] {
    var ids = Set(definition.addedTokens.map(\.id))
    if let unknownId { ids.insert(unknownId) }
    if let padId { ids.formUnion(0...padId) }
    for case .special(let special, _) in definition.template.single + definition.template.pair {
      ids.formUnion(special)
    }
    let isElementary = try elementary()
    for (id, token) in definition.model.vocabulary.tokens.enumerated() {
      if let token, isElementary(token) { ids.insert(Int32(id)) }
    }
    return ids.sorted()
  }

  /// Whether a token is a single character or byte.
  private func elementary() throws(TokenizerError) -> (String) -> Bool {
    func isOne(_ text: Substring.UnicodeScalarView) -> Bool { text.dropFirst().isEmpty && !text.isEmpty }
    switch definition.model {
    case .wordPiece(let model):
      let prefix = model.continuingPrefix.unicodeScalars
      return { token in
        let scalars = token.unicodeScalars
        return isOne(scalars[...]) || scalars.starts(with: prefix) && isOne(scalars.dropFirst(prefix.count))
      }
    case .unigram(let model):
      return { token in
        isOne(token.unicodeScalars[...])
          || model.byteFallback && token.wholeMatch(of: /<0x[0-9A-F]{2}>/) != nil
      }
    case .bytePairs: throw cannotBeSmaller
    }
  }

  private var cannotBeSmaller: TokenizerError {
    TokenizerError(
      definition.model.vocabulary.file,
      "expected a WordPiece or Unigram vocabulary, which can be made smaller, found BPE; leave out student.vocabulary")
  }

  /// The same tokenizer with these tokens alone. A word is cut by the same rule as before: the longest piece that there is,
  /// or the pieces whose scores sum to most.
  /// - Parameter ids: ascending, those of `indispensable` among them. The new id of each is its place.
  package func keeping(_ ids: [Int32]) throws(TokenizerError) -> Tokenizer {
    let whole = definition.model.vocabulary
    let places = Dictionary(uniqueKeysWithValues: zip(ids, Int32(0)...))
    func place(_ id: Int32) throws(TokenizerError) -> Int32 {
      guard let place = places[id] else {
        throw TokenizerError(whole.file, "token \(id): expected it in a smaller vocabulary, found it missing")
      }
      return place
    }
    var tokens: [(token: String, id: Int32)] = []
    for id in ids {
      if let token = whole.token(of: id) { tokens.append((token, try place(id))) }
    }
    let vocabulary = try Vocabulary(tokens, file: whole.file)
    var smaller = definition
    switch definition.model {
    case .wordPiece(let model):
      smaller.model = .wordPiece(
        try WordPiece(
          vocabulary, unknownToken: model.unknownToken, continuingPrefix: model.continuingPrefix,
          maximumWordLength: model.maximumWordLength))
    case .unigram(let model):
      smaller.model = .unigram(
        Unigram(
          vocabulary, scores: ids.filter { model.scores.indices.contains(Int($0)) }.map { model.scores[Int($0)] },
          unknownId: try place(model.unknownId), byteFallback: model.byteFallback))
    case .bytePairs: throw cannotBeSmaller
    }
    for index in smaller.addedTokens.indices {
      smaller.addedTokens[index].id = try place(smaller.addedTokens[index].id)
    }
    smaller.postProcessor = try definition.postProcessor.moving(place)
    smaller.template = try definition.template.moving(place)
    if let padId = definition.padId { smaller.padId = try place(padId) }
    return try Tokenizer(smaller, originals: settings(movedTo: places))
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
