import JSON

/// What is put around the tokens of a text or a pair, and what offsets leave out, as `tokenizer.json` names it.
indirect enum PostProcessor: Sendable {
  case template(SequenceTemplate)
  case bert(cls: SpecialToken, sep: SpecialToken)
  case roberta(cls: SpecialToken, sep: SpecialToken, trimsOffsets: Bool, addsPrefixSpace: Bool)
  case byteLevel(ByteLevel)
  case sequence([PostProcessor])

  struct SpecialToken: Sendable, Equatable {
    var token: String
    var id: Int32
  }

  /// How a token with whitespace in front is to be trimmed: whether the first space of a text was put there.
  struct OffsetTrim: Sendable, Equatable {
    var addsPrefixSpace: Bool
  }

  /// In the order in which they are done.
  var trims: [OffsetTrim] {
    switch self {
    case .template, .bert: []
    case .roberta(_, _, let trimsOffsets, let addsPrefixSpace):
      trimsOffsets ? [OffsetTrim(addsPrefixSpace: addsPrefixSpace)] : []
    case .byteLevel(let byteLevel):
      byteLevel.trimsOffsets ? [OffsetTrim(addsPrefixSpace: byteLevel.addsPrefixSpace)] : []
    case .sequence(let processors): processors.flatMap(\.trims)
    }
  }

  /// nil if nothing is put around the texts.
  var template: SequenceTemplate? {
    switch self {
    case .template(let template): template
    case .bert(let cls, let sep): .bert(cls: cls.id, sep: sep.id)
    case .roberta(let cls, let sep, _, _): .roberta(cls: cls.id, sep: sep.id)
    case .byteLevel: nil
    case .sequence(let processors): processors.lazy.compactMap(\.template).first
    }
  }
}

// MARK: tokenizer.json

extension PostProcessor {
  private static let names = ["TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel", "Sequence"]

  init(_ field: JSONField, depth: Int = 0) throws(TokenizerError) {
    switch try field.component(of: Self.names) {
    case "BertProcessing":
      self = .bert(cls: try Self.specialToken(field["cls"]), sep: try Self.specialToken(field["sep"]))
    case "RobertaProcessing":
      self = .roberta(
        cls: try Self.specialToken(field["cls"]), sep: try Self.specialToken(field["sep"]),
        trimsOffsets: try field["trim_offsets"].required().bool() ?? true,
        addsPrefixSpace: try field["add_prefix_space"].required().bool() ?? true)
    case "ByteLevel": self = .byteLevel(try ByteLevel(field))
    case "Sequence":
      var processors: [PostProcessor] = []
      for element in try field["processors"].components(depth: depth) {
        let processor = try PostProcessor(element, depth: depth + 1)
        // What the library makes of others has never been seen in a model.
        guard processors.allSatisfy({ $0.template == nil }) else {
          throw TokenizerError(field.file, "\(element.path): expected nothing behind special tokens")
        }
        processors.append(processor)
      }
      self = .sequence(processors)
    default: self = .template(try SequenceTemplate(field))
    }
  }

  /// `["[SEP]", 102]`
  private static func specialToken(_ field: JSONField) throws(TokenizerError) -> SpecialToken {
    let elements = try field.elements(atMost: 2)
    guard elements.count == 2, let token = try elements[0].string() else {
      throw field.error(expected: "a token and its id")
    }
    return SpecialToken(token: token, id: try elements[1].id())
  }

  /// - Parameter token: The text of a token.
  func json(_ token: (Int32) -> String?) -> JSON {
    func pair(_ special: SpecialToken) -> JSON { .array([.string(special.token), .integer(Int(special.id))]) }
    switch self {
    case .template(let template): return template.json(token)
    case .bert(let cls, let sep): return ["type": "BertProcessing", "sep": pair(sep), "cls": pair(cls)]
    case .roberta(let cls, let sep, let trimsOffsets, let addsPrefixSpace):
      return [
        "type": "RobertaProcessing", "sep": pair(sep), "cls": pair(cls), "trim_offsets": .bool(trimsOffsets),
        "add_prefix_space": .bool(addsPrefixSpace),
      ]
    case .byteLevel(let byteLevel): return byteLevel.json
    case .sequence(let processors):
      return ["type": "Sequence", "processors": .array(processors.map { $0.json(token) })]
    }
  }
}
