import JSON

/// What a cross-encoder makes of its logit, as sentence-transformers' `CrossEncoder` finds it in `config.json`.
package enum PairScore: String, Sendable, CaseIterable {
  case sigmoid = "torch.nn.modules.activation.Sigmoid"
  case identity = "torch.nn.modules.linear.Identity"

  package static let member = "sentence_transformers"
  /// Before version 4.
  static let oldMember = "sbert_ce_default_activation_function"

  /// What a `config.json` says; `nil` where it says nothing, or something else.
  package init?(of json: JSON) {
    guard let name = Self.name(in: json) else { return nil }
    self.init(name: name)
  }

  /// Whether a `config.json` is that of a cross-encoder of one output.
  static func isStated(in json: JSON) -> Bool {
    let outputs = json["id2label"]?.object?.count ?? json["num_labels"]?.int
    return name(in: json) != nil && outputs == 1
  }

  static func name(in json: JSON) -> JSON? {
    [json[member]?["activation_fn"], json[oldMember]].lazy.compactMap { $0 }.first { !$0.isNull }
  }

  /// The class may lie elsewhere in other versions of PyTorch.
  private init?(name: JSON) {
    let last = name.string?.split(separator: ".").last
    guard let found = Self.allCases.first(where: { $0.rawValue.split(separator: ".").last == last }) else { return nil }
    self = found
  }

  /// As sentence-transformers from version 4 on writes it.
  var json: JSON { ["activation_fn": .string(rawValue), "version": "4.0.0"] }
}
