import JSON

/// What a head's outputs are, as transformers tells it.
package enum Problem: String, Sendable, CaseIterable {
  /// One class.
  case singleLabel = "single_label_classification"
  /// A set of classes.
  case multiLabel = "multi_label_classification"
  /// A number each.
  case regression
  /// A class for each token.
  case tokens = "token_classification"
  /// A number for a pair of texts, as sentence-transformers' cross-encoders give.
  case pairs = "text_pair_scoring"
  /// A vector for each sentence; the head is a map of what is pooled, or nothing.
  case embedding = "sentence_embedding"
  /// Nothing: there is an encoder alone.
  case noHead = "none"
}

extension Problem {
  private static let tokenArchitecture = "ForTokenClassification"

  /// What stands in `config.json`; `nil` of what the architecture says.
  package var problemType: String? {
    switch self {
    case .singleLabel, .multiLabel, .regression: rawValue
    case .pairs, .tokens, .embedding, .noHead: nil
    }
  }
  /// Whether every model for it has a head with parameters.
  package var hasHead: Bool { self != .embedding && self != .noHead }

  /// What a `config.json` says of it; `nil` where it says nothing, or something else.
  package static func stated(in json: JSON) -> Problem? {
    let architectures = json["architectures"]?.array?.compactMap(\.string) ?? []
    if architectures.contains(where: { $0.hasSuffix(tokenArchitecture) }) { return .tokens }
    if PairScore.isStated(in: json) { return .pairs }
    return json["problem_type"]?.string.flatMap { type in allCases.first { $0.problemType == type } }
  }

  /// What transformers takes a head of so many outputs for where nothing is said.
  static func usual(outputs: Int) -> Problem { outputs == 1 ? .regression : .singleLabel }
}

extension EncoderFamily {
  /// The class of transformers that a model with a head for a problem is saved as.
  package func architecture(for problem: Problem) -> String {
    let name = architecture.dropLast("ForSequenceClassification".count)
    return switch problem {
    case .tokens: name + "ForTokenClassification"
    case .embedding, .noHead: name + "Model"
    case .singleLabel, .multiLabel, .regression, .pairs: architecture
    }
  }
}

extension EncoderConfiguration {
  /// Which rows of the last hidden state the head reads, and gives logits for.
  var headRows: OutputRows { problem == .tokens ? .all : .first }
  /// Whether the head has a map of its own below the classifier.
  var hasHeadDense: Bool {
    switch problem {
    case .tokens: family.tokenHead.hasDense
    case .embedding, .noHead: false
    case .singleLabel, .multiLabel, .regression, .pairs: true
    }
  }
  /// In front of the classifier.
  var headDropout: Float {
    problem == .tokens && family.tokenHead.dropsAsHidden ? hiddenDropout : classifierDropout ?? hiddenDropout
  }
}

/// How a family's head for tokens differs from dropout and a linear map.
struct TokenHead: Sendable {
  /// Whether it has the sequence head's map, activation and norm.
  var hasDense = false
  /// Whether its dropout is that of the hidden states, not the classifier's.
  var dropsAsHidden = false
}
