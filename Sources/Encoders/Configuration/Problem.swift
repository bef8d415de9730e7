import JSON

/// What a head's outputs are, as transformers tells it (`problem_type`).
package enum Problem: String, Sendable, CaseIterable {
  /// One class.
  case singleLabel = "single_label_classification"
  /// A set of classes.
  case multiLabel = "multi_label_classification"
  /// A number each.
  case regression
}

extension Problem {
  /// What a `config.json` says of it; `nil` where it says nothing, or something else.
  package static func stated(in json: JSON) -> Problem? { json["problem_type"]?.string.flatMap(Problem.init) }

  /// What transformers takes a head of so many outputs for where nothing is said.
  static func usual(outputs: Int) -> Problem { outputs == 1 ? .regression : .singleLabel }
}
