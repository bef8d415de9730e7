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

  func error(expected: String, remedy: String? = nil) -> TokenizerError {
    TokenizerError(
      file, "\(path): expected \(expected), found \(value?.summary ?? "nothing")" + (remedy.map { "; \($0)" } ?? ""))
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
    guard let id = try int(in: 0...Vocabulary.maximumId) else { throw error(expected: "a token id") }
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

  /// The field itself, unless the file lacks it.
  func required() throws(TokenizerError) -> JSONField {
    if isAbsent { throw error(expected: "a value") }
    return self
  }

  /// A string that is there and, unless `orEmpty`, not empty.
  func content(orEmpty: Bool = false) throws(TokenizerError) -> String {
    guard let content = try string(), orEmpty || !content.isEmpty else {
      throw error(expected: orEmpty ? "a string" : "a string that is not empty")
    }
    return content
  }

  /// One of the values of an enumeration by name.
  func choice<Choice: RawRepresentable & CaseIterable>(
    of type: Choice.Type
  ) throws(TokenizerError) -> Choice? where Choice.RawValue == String {
    guard let name = try string() else { return nil }
    guard let choice = Choice(rawValue: name) else {
      throw error(expected: type.allCases.map(\.rawValue).joined(separator: " or "))
    }
    return choice
  }

  // MARK: Components

  /// The `type` of a component, which must be one of `names`.
  func component(of names: [String]) throws(TokenizerError) -> String {
    guard let name = self["type"].value?.string, names.contains(name) else {
      let found = isAbsent ? self : self["type"]
      throw TokenizerError(
        file,
        "\(path): expected \(names.joined(separator: " or ")), found \(found.value?.summary ?? "nothing"), "
          + "which is not supported")
    }
    return name
  }

  /// The components of a `Sequence`, which may lie in another at most.
  func components(depth: Int) throws(TokenizerError) -> [JSONField] {
    guard depth <= 1 else { throw TokenizerError(file, "\(path): expected no Sequence this deep") }
    return try required().elements(atMost: 16)
  }

  /// The tokens and ids of a model.
  func vocabulary() throws(TokenizerError) -> [(token: String, id: Int32)] {
    let object = try object()
    var vocabulary: [(token: String, id: Int32)] = []
    vocabulary.reserveCapacity(object.count)
    for (token, value) in object {
      guard let id = value.int, (0...Vocabulary.maximumId).contains(id) else {
        throw TokenizerError(
          file, "\(path): \(token.quoted): expected an id from 0 to \(Vocabulary.maximumId), found \(value.summary)")
      }
      vocabulary.append((token, Int32(id)))
    }
    return vocabulary
  }

  /// A special token, which is a string or an object with its `content`.
  func tokenContent() throws(TokenizerError) -> String? {
    value?.object == nil ? try string() : try self["content"].string()
  }

  /// The text of an added token, or nil if it has none.
  func addedContent() throws(TokenizerError) -> String? {
    guard let content = try tokenContent(), !content.isEmpty else { return nil }
    guard content.utf8.count <= Vocabulary.maximumTokenLength else {
      throw TokenizerError(
        file, "\(path): expected at most \(Vocabulary.maximumTokenLength) bytes, found \(content.utf8.count)")
    }
    return content
  }
}
