import JSON

/// A place in a tokenizer's JSON file, so that what is wrong with it can be said with file and key.
struct JSONField {
  let file: String
  /// The keys that lead here, as a message may show them: `model.vocab`.
  var path = ""
  /// nil where the file has nothing.
  var value: JSON?

  init(file: String, value: JSON?) {
    self.file = file
    self.value = value
  }

  subscript(key: String) -> JSONField {
    var field = self
    let shown = key.escapedForDisplay
    field.path = path.isEmpty ? shown : "\(path).\(shown)"
    field.value = value?[key]
    return field
  }

  /// Neither there nor null.
  var isAbsent: Bool { value?.isNull ?? true }

  func error(expected: String) -> TokenizerError {
    TokenizerError(file, "\(path): expected \(expected), found \(value?.summary ?? "nothing")")
  }

  func bool() throws(TokenizerError) -> Bool? {
    if isAbsent { return nil }
    guard let bool = value?.bool else { throw error(expected: "true or false") }
    return bool
  }

  func string() throws(TokenizerError) -> String? {
    if isAbsent { return nil }
    guard let string = value?.string else { throw error(expected: "a string") }
    return string
  }

  func int(in range: ClosedRange<Int>) throws(TokenizerError) -> Int? {
    if isAbsent { return nil }
    guard let int = value?.int, range.contains(int) else {
      throw error(expected: "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return int
  }

  func id() throws(TokenizerError) -> Int32 {
    guard let id = try int(in: 0...WordPiece.maximumId) else { throw error(expected: "a token id") }
    return Int32(id)
  }

  func object() throws(TokenizerError) -> JSONObject {
    guard let object = value?.object else { throw error(expected: "an object") }
    return object
  }

  /// The elements of an array; none if it is absent.
  func elements(atMost limit: Int) throws(TokenizerError) -> [JSONField] {
    if isAbsent { return [] }
    guard let array = value?.array else { throw error(expected: "an array") }
    guard array.count <= limit else {
      throw TokenizerError(file, "\(path): expected at most \(limit) elements, found \(array.count)")
    }
    return array.enumerated().map { index, value in
      var field = self
      field.path = "\(path)[\(index)]"
      field.value = value
      return field
    }
  }

  /// Checks the `type` of a component against those that are supported.
  func type(oneOf supported: [String]) throws(TokenizerError) -> String {
    guard let type = self["type"].value?.string, supported.contains(type) else {
      let found = isAbsent ? self : self["type"]
      throw TokenizerError(
        file,
        "\(path): expected \(supported.joined(separator: " or ")), found \(found.value?.summary ?? "nothing");"
          + " use the tokenizer of a BERT model")
    }
    return type
  }

  /// A special token, which is a string or an object with its `content`.
  func tokenContent() throws(TokenizerError) -> String? {
    value?.object == nil ? try string() : try self["content"].string()
  }

  /// The text of an added token, or nil if it has none.
  func addedContent() throws(TokenizerError) -> String? {
    guard let content = try tokenContent(), !content.isEmpty else { return nil }
    guard content.utf8.count <= WordPiece.maximumTokenLength else {
      throw TokenizerError(
        file, "\(path): expected at most \(WordPiece.maximumTokenLength) bytes, found \(content.utf8.count)")
    }
    return content
  }
}
