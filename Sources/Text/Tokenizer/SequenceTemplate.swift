/// How special tokens surround a sentence and a pair of sentences: `TemplateProcessing` of the `tokenizers` library, of
/// which `BertProcessing` is one.
struct SequenceTemplate: Sendable, Equatable {
  enum Part: Sendable, Equatable {
    case special(ids: [Int32], type: Int32)
    case first(type: Int32)
    case second(type: Int32)

    var isFirst: Bool { if case .first = self { true } else { false } }
    var isSecond: Bool { if case .second = self { true } else { false } }
  }

  var single: [Part]
  var pair: [Part]

  /// `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`.
  static func bert(cls: Int32, sep: Int32) -> SequenceTemplate {
    let single: [Part] = [.special(ids: [cls], type: 0), .first(type: 0), .special(ids: [sep], type: 0)]
    return SequenceTemplate(single: single, pair: single + [.second(type: 1), .special(ids: [sep], type: 1)])
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
