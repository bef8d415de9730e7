import JSON

/// How special tokens surround a sentence and a pair of sentences: `TemplateProcessing` of the `tokenizers` library, of
/// which `BertProcessing` and `RobertaProcessing` are two.
struct SequenceTemplate: Sendable, Equatable {
  enum Part: Sendable, Equatable {
    case special(ids: [Int32], type: Int32)
    case first(type: Int32)
    case second(type: Int32)

    var isFirst: Bool { if case .first = self { true } else { false } }
    var isSecond: Bool { if case .second = self { true } else { false } }

    /// The segment of its tokens.
    var type: Int32 {
      switch self {
      case .special(_, let type), .first(let type), .second(let type): type
      }
    }
  }

  var single: [Part]
  var pair: [Part]

  /// `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`.
  static func bert(cls: Int32, sep: Int32) -> SequenceTemplate {
    let single: [Part] = [.special(ids: [cls], type: 0), .first(type: 0), .special(ids: [sep], type: 0)]
    return SequenceTemplate(single: single, pair: single + [.second(type: 1), .special(ids: [sep], type: 1)])
  }

  /// `<s> A </s>` and `<s> A </s></s> B </s>`, all in one segment.
  static func roberta(cls: Int32, sep: Int32) -> SequenceTemplate {
    let single: [Part] = [.special(ids: [cls], type: 0), .first(type: 0), .special(ids: [sep], type: 0)]
    return SequenceTemplate(
      single: single,
      pair: single + [.special(ids: [sep], type: 0), .second(type: 0), .special(ids: [sep], type: 0)])
  }

  /// The special tokens around one sentence.
  var specialIds: [Int32] {
    single.flatMap { part -> [Int32] in
      if case .special(let ids, _) = part { ids } else { [] }
    }
  }

  func specialTokens(isPair: Bool) -> Int {
    (isPair ? pair : single).reduce(0) { count, part in
      if case .special(let ids, _) = part { count + ids.count } else { count }
    }
  }
}

// MARK: tokenizer.json

extension SequenceTemplate {
  /// More special tokens, or sequences with them, than any template has.
  private static let maximumLength = 64

  init(_ field: JSONField) throws(TokenizerError) {
    let (single, pair) = (field["single"], field["pair"])
    self.single = try Self.parts(single, specialTokens: field["special_tokens"])
    self.pair = try Self.parts(pair, specialTokens: field["special_tokens"])
    guard self.single.count(where: \.isFirst) == 1, !self.single.contains(where: \.isSecond) else {
      throw single.error(expected: "sequence A once")
    }
    guard self.pair.count(where: \.isFirst) == 1, self.pair.count(where: \.isSecond) == 1 else {
      throw pair.error(expected: "sequences A and B once each")
    }
    guard specialTokens(isPair: false) > 0 else { throw single.error(expected: "special tokens") }
  }

  private static func parts(_ field: JSONField, specialTokens: JSONField) throws(TokenizerError) -> [Part] {
    var parts: [Part] = []
    for element in try field.elements(atMost: maximumLength) {
      let (special, sequence) = (element["SpecialToken"], element["Sequence"])
      let type = Int32(try (special.isAbsent ? sequence : special)["type_id"].int(in: 0...127) ?? 0)
      if let name = try special["id"].string() {
        var ids: [Int32] = []
        for id in try specialTokens[name]["ids"].elements(atMost: maximumLength) { ids.append(try id.id()) }
        guard !ids.isEmpty else { throw specialTokens[name].error(expected: "the ids of this special token") }
        parts.append(.special(ids: ids, type: type))
      } else if let name = try sequence["id"].string(), name == "A" || name == "B" {
        parts.append(name == "A" ? .first(type: type) : .second(type: type))
      } else {
        throw element.error(expected: "SpecialToken or Sequence A or B")
      }
    }
    return parts
  }

  /// - Parameter token: The text of a token, by which a template calls it.
  func json(_ token: (Int32) -> String?) -> JSON {
    func name(_ ids: [Int32]) -> String { ids.compactMap(token).joined() }
    func json(_ part: Part) -> JSON {
      switch part {
      case .special(let ids, let type):
        ["SpecialToken": ["id": .string(name(ids)), "type_id": .integer(Int(type))]]
      case .first(let type): ["Sequence": ["id": "A", "type_id": .integer(Int(type))]]
      case .second(let type): ["Sequence": ["id": "B", "type_id": .integer(Int(type))]]
      }
    }
    var tokens = JSONObject()
    for case .special(let ids, _) in single + pair {
      tokens[name(ids)] = [
        "id": .string(name(ids)), "ids": .array(ids.map { .integer(Int($0)) }),
        "tokens": .array(ids.map { .string(token($0) ?? "") }),
      ]
    }
    return [
      "type": "TemplateProcessing", "single": .array(single.map(json)), "pair": .array(pair.map(json)),
      "special_tokens": .object(tokens),
    ]
  }
}
