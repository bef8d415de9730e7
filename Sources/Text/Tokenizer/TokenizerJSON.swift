import JSON

/// The parts of `tokenizer.json` that decide about tokens. Its preset truncation and padding are the caller's business.
struct TokenizerJSON {
  static let name = "tokenizer.json"

  let normalizer: Normalizer?
  let preTokenizer: PreTokenizer?
  let model: TokenModel
  let addedTokens: [AddedToken]
  let postProcessor: PostProcessor
  let template: SequenceTemplate
  let padToken: String?
  let truncatesLeft: Bool

  let file: String

  init(_ root: JSONField) throws(TokenizerError) {
    file = root.file
    normalizer = try Normalizer(root["normalizer"])
    try normalizer?.checkGrowth(root["normalizer"])
    preTokenizer = try PreTokenizer(root["pre_tokenizer"])
    model = try TokenModel(root["model"])
    addedTokens = try Self.addedTokens(root["added_tokens"], vocabulary: model.vocabulary)
    postProcessor = try PostProcessor(root["post_processor"])
    guard let template = postProcessor.template else {
      throw root["post_processor"].error(expected: "special tokens around the text")
    }
    self.template = template
    padToken = try root["padding"]["pad_token"].string()
    truncatesLeft = try root["truncation"]["direction"].string() == "Left"
  }

  private static func addedTokens(_ field: JSONField, vocabulary: Vocabulary) throws(TokenizerError) -> [AddedToken] {
    var tokens: [AddedToken] = []
    var ids = AddedTokenIds(vocabulary)
    for element in try field.elements(atMost: AddedTokenIds.maximumCount) {
      let content = try element["content"].addedContent()
      guard let content else { throw element["content"].error(expected: "a string that is not empty") }
      let token = AddedToken(
        content: content, id: try element["id"].id(), singleWord: try element["single_word"].bool() ?? false,
        stripsLeft: try element["lstrip"].bool() ?? false, stripsRight: try element["rstrip"].bool() ?? false,
        isNormalized: try element["normalized"].bool() ?? false, isSpecial: try element["special"].bool() ?? false)
      // The library ignores the id and numbers tokens itself, so that a file can say other than it means.
      let id = ids.add(content)
      guard token.id == id else {
        throw TokenizerError(
          field.file, "\(element.path).id: expected \(id) for \(content.quoted), found \(token.id)")
      }
      tokens.append(token)
    }
    return tokens
  }
}
