import Checkpoints
import JSON

// The names and defaults are those of transformers' `configuration_bert.py`.
extension EncoderConfiguration {
  /// Reads BERT's `config.json`; what is absent or null takes BERT's default.
  /// - Parameters:
  ///   - path: Where it came from, for error messages.
  ///   - notices: Receives what the user should know although it is no error.
  package init(huggingFace json: JSON, path: String, notices: inout [String]) throws {
    var reader = Reader(json: json)
    self.init()
    reader.readFamily()
    vocabularySize = reader.integer("vocab_size", in: 1...4_000_000, default: vocabularySize)
    hiddenSize = reader.integer("hidden_size", in: 1...65_536, default: hiddenSize)
    layers = reader.integer("num_hidden_layers", in: 1...256, default: layers)
    heads = reader.integer("num_attention_heads", in: 1...65_536, default: heads)
    intermediateSize = reader.integer("intermediate_size", in: 1...1_048_576, default: intermediateSize)
    activation = reader.activation(default: activation)
    hiddenDropout = reader.float("hidden_dropout_prob", in: 0..<1, default: hiddenDropout)
    attentionDropout = reader.float("attention_probs_dropout_prob", in: 0..<1, default: attentionDropout)
    if reader.has("classifier_dropout") {
      classifierDropout = reader.float("classifier_dropout", in: 0..<1, default: hiddenDropout)
    }
    maxPositions = reader.integer("max_position_embeddings", in: 1...1_048_576, default: maxPositions)
    typeVocabularySize = reader.integer("type_vocab_size", in: 1...65_536, default: typeVocabularySize)
    layerNormEps = reader.float("layer_norm_eps", in: Float.leastNormalMagnitude..<1, default: layerNormEps)
    initializerRange = reader.float("initializer_range", in: 0..<1_000, default: initializerRange)
    padTokenId = reader.integer("pad_token_id", in: 0...vocabularySize - 1, default: padTokenId)
    labels = reader.labels(default: labels)
    reader.problems += sizeProblems.map { "\($0.key): \($0.message)" }
    guard reader.problems.isEmpty else { throw CheckpointError(path, reader.problems) }
    notices += reader.notices.map { "\(path.escapedForDisplay): \($0)" }
  }

  /// As above, for callers who have shown the notices already.
  package init(huggingFace json: JSON, path: String) throws {
    var notices: [String] = []
    try self.init(huggingFace: json, path: path, notices: &notices)
  }

  /// What is wrong with the sizes, each of which is within its own bounds: bounds the memory that a model of this
  /// configuration can ask for.
  package var sizeProblems: [(key: String, message: String)] {
    var problems: [(key: String, message: String)] = []
    if hiddenSize % heads != 0 {
      problems.append(("num_attention_heads", "expected a divisor of hidden_size \(hiddenSize), found \(heads)"))
    }
    // The factors are bounded, so these products fit.
    let matrices = [
      ("vocab_size", vocabularySize), ("max_position_embeddings", maxPositions),
      ("intermediate_size", intermediateSize),
      ("hidden_size", hiddenSize), ("type_vocab_size", typeVocabularySize), ("id2label", labels.count),
    ]
    for (name, rows) in matrices where rows * hiddenSize > Int(Int32.max) {
      problems.append((name, "expected a matrix of at most \(Int32.max) values, found \(rows) × \(hiddenSize)"))
    }
    let parameters =
      layers * (4 * hiddenSize + 2 * intermediateSize) * hiddenSize + (vocabularySize + maxPositions) * hiddenSize
    if parameters > 1 << 34 {
      problems.append(
        ("num_hidden_layers", "expected a model of at most \(1 << 34) parameters, found \(parameters)"))
    }
    return problems
  }
}

/// Reads members one by one and remembers what is wrong with them.
private struct Reader {
  let json: JSON
  var problems: [String] = []
  var notices: [String] = []

  init(json: JSON) {
    self.json = json
    if json.object == nil { problems.append("expected an object, found \(json.summary)") }
  }

  /// A member that is there and not null.
  private func member(_ key: String) -> JSON? {
    json[key].flatMap { $0.isNull ? nil : $0 }
  }

  func has(_ key: String) -> Bool { member(key) != nil }

  mutating func readFamily() {
    if let type = member("model_type") {
      if type != "bert" { problems.append("model_type: expected \"bert\", found \(type.summary); use a BERT model") }
    } else {
      notices.append("has no model_type; it is read as BERT's")
    }
    if let type = member("position_embedding_type"), type != "absolute" {
      problems.append("position_embedding_type: expected \"absolute\", found \(type.summary); use a model with these")
    }
    for key in ["is_decoder", "add_cross_attention"] {
      if let value = member(key), value != false {
        problems.append("\(key): expected false, found \(value.summary); use an encoder")
      }
    }
    if let pruned = member("pruned_heads"), pruned != [:] {
      problems.append("pruned_heads: expected none, found \(pruned.text().quoted); use a model with all its heads")
    }
    if has("auto_map") { notices.append("auto_map: the code it names is not run") }
    if let type = member("problem_type"), type != "single_label_classification" {
      notices.append("problem_type: \(type.summary) is read as single_label_classification")
    }
  }

  mutating func integer(_ key: String, in range: ClosedRange<Int>, default: Int) -> Int {
    guard let value = member(key) else { return `default` }
    guard let integer = value.int, range.contains(integer) else {
      problems.append(
        "\(key): expected an integer from \(range.lowerBound) to \(range.upperBound), found \(value.summary)")
      return `default`
    }
    return integer
  }

  mutating func float(_ key: String, in range: Range<Float>, default: Float) -> Float {
    guard let value = member(key) else { return `default` }
    guard let float = value.double.map({ Float($0) }), range.contains(float) else {
      problems.append(
        "\(key): expected a number from \(range.lowerBound) to below \(range.upperBound), found \(value.summary)")
      return `default`
    }
    return float
  }

  mutating func activation(default: EncoderConfiguration.Activation) -> EncoderConfiguration.Activation {
    guard let value = member("hidden_act") else { return `default` }
    guard let activation = value.string.flatMap(EncoderConfiguration.Activation.init) else {
      problems.append(
        "hidden_act: expected gelu, gelu_new or relu, found \(value.summary); use a model with one of these")
      return `default`
    }
    return activation
  }

  /// The classes by `id2label`, or by `label2id`, or as many as `num_labels` without names.
  mutating func labels(default: [String]) -> [String] {
    let count = member("num_labels").map { _ in integer("num_labels", in: 1...65_536, default: 2) }
    let idToLabel = member("id2label").map { labels(byId: $0) }
    let labelToId = member("label2id").map { labels(byLabel: $0) }
    guard let labels = idToLabel ?? labelToId else {
      return count.map { (0..<$0).map { "LABEL_\($0)" } } ?? `default`
    }
    if let other = labelToId, other != labels { notices.append("label2id contradicts id2label, which is used") }
    if let count, count != labels.count {
      notices.append("num_labels is \(count), but \(labels.count) labels are named, which are used")
    }
    return labels
  }

  private mutating func labels(byId value: JSON) -> [String] {
    let pairs = value.object?.compactMap { key, value in
      Int(key).flatMap { id in value.string.map { (id, $0) } }
    }
    return labels(pairs ?? [], of: value, "id2label")
  }

  private mutating func labels(byLabel value: JSON) -> [String] {
    let pairs = value.object?.compactMap { key, value in value.int.map { ($0, key) } }
    return labels(pairs ?? [], of: value, "label2id")
  }

  private mutating func labels(_ pairs: [(Int, String)], of value: JSON, _ key: String) -> [String] {
    let sorted = pairs.sorted { $0.0 < $1.0 }
    let labels = sorted.map(\.1)
    if labels.isEmpty || sorted.map(\.0) != Array(0..<sorted.count) || sorted.count != value.object?.count
      || Set(labels).count != labels.count
    {
      problems.append("\(key): expected ids from 0 on with a different label each, found \(value.text().quoted)")
      return ["LABEL_0", "LABEL_1"]
    }
    return labels
  }
}

extension EncoderConfiguration {
  /// This configuration as `config.json` of a `BertForSequenceClassification` with 32-bit weights.
  /// - Parameter original: The file of the model this one comes from, whose other members are kept.
  package func huggingFaceJSON(preserving original: JSON? = nil) -> JSON {
    var members = original?.object ?? JSONObject()
    // They describe the original: where it was, the code to run it, and how many labels it had.
    for key in ["_name_or_path", "auto_map", "num_labels"] { members[key] = nil }
    members["architectures"] = ["BertForSequenceClassification"]
    members["model_type"] = "bert"
    members["vocab_size"] = .integer(vocabularySize)
    members["hidden_size"] = .integer(hiddenSize)
    members["num_hidden_layers"] = .integer(layers)
    members["num_attention_heads"] = .integer(heads)
    members["intermediate_size"] = .integer(intermediateSize)
    members["hidden_act"] = .string(activation.rawValue)
    members.set("hidden_dropout_prob", hiddenDropout)
    members.set("attention_probs_dropout_prob", attentionDropout)
    if let classifierDropout {
      members.set("classifier_dropout", classifierDropout)
    } else {
      members["classifier_dropout"] = .null
    }
    members["max_position_embeddings"] = .integer(maxPositions)
    members["type_vocab_size"] = .integer(typeVocabularySize)
    members.set("initializer_range", initializerRange)
    members.set("layer_norm_eps", layerNormEps)
    members["pad_token_id"] = .integer(padTokenId)
    members["position_embedding_type"] = "absolute"
    var idToLabel = JSONObject()
    var labelToId = JSONObject()
    for (id, label) in labels.enumerated() {
      idToLabel["\(id)"] = .string(label)
      labelToId[label] = .integer(id)
    }
    members["id2label"] = .object(idToLabel)
    members["label2id"] = .object(labelToId)
    members["problem_type"] = "single_label_classification"
    // transformers renamed the key; a reader of either knows only its own.
    if members["torch_dtype"] != nil && members["dtype"] == nil {
      members["torch_dtype"] = "float32"
    } else {
      members["torch_dtype"] = nil
      members["dtype"] = "float32"
    }
    return .object(members)
  }
}

extension JSONObject {
  /// Sets a number in the digits of its 32 bits, and leaves one that means the same as it is written.
  fileprivate mutating func set(_ key: String, _ value: Float) {
    if let old = self[key]?.double, Float(old) == value { return }
    self[key] = .number(Double(value.description) ?? Double(value))
  }
}
