import Checkpoints
import JSON

extension EncoderConfiguration {
  /// Reads a `config.json`; what is absent or null takes the family's default, which is that of transformers.
  /// - Parameters:
  ///   - path: Where it came from, for error messages.
  ///   - notices: Receives what the user should know although it is no error.
  package init(huggingFace json: JSON, path: String, notices: inout [String]) throws {
    let reader = JSONMembers(json)
    self.init(family: reader.family())
    if reader.problems.isEmpty { family.visit(&self, reader) }
    reader.readWhatAnyFamilyHas()
    labels = reader.labels(default: labels)
    problem = Problem.stated(in: json) ?? .usual(outputs: labels.count)
    if problem == .pairs { pairScore = reader.pairScore() }
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
    let names = family.memberNames
    var problems: [(key: String, message: String)] = []
    func report(_ key: String, _ message: String) { problems.append((names[key] ?? key, message)) }
    if hiddenSize % heads != 0 {
      report(
        "num_attention_heads",
        "expected a divisor of \(names["hidden_size"] ?? "hidden_size") \(hiddenSize), "
          + "found \(heads)")
    }
    if padTokenId >= vocabularySize {
      report("pad_token_id", "expected less than vocab_size \(vocabularySize), found \(padTokenId)")
    }
    if positions.first > maxPositions - 3 {
      report(
        "max_position_embeddings",
        "expected at least \(positions.first + 3), as this family does not use the first "
          + "\(positions.first) rows, found \(maxPositions)")
    }
    problems += positionProblems
    // The factors are bounded, so these products fit.
    let matrices = [
      ("vocab_size", vocabularySize, embeddingWidth), ("max_position_embeddings", maxPositions, embeddingWidth),
      ("intermediate_size", intermediateSize, hiddenSize), ("hidden_size", hiddenSize, hiddenSize),
      ("type_vocab_size", typeVocabularySize, embeddingWidth), ("id2label", labels.count, hiddenSize),
      ("position_buckets", 2 * positionSpan, hiddenSize),
    ]
    for (name, rows, columns) in matrices where rows * columns > Int(Int32.max) {
      report(name, "expected a matrix of at most \(Int32.max) values, found \(rows) × \(columns)")
    }
    let (squares, inner) = (disentanglement == nil ? 4 : 6, isGated ? 3 : 2)
    let parameters =
      layers * (squares * hiddenSize + inner * intermediateSize) * hiddenSize + (vocabularySize + maxPositions)
      * embeddingWidth
    if parameters > 1 << 34 {
      report("num_hidden_layers", "expected a model of at most \(1 << 34) parameters, found \(parameters)")
    }
    return problems
  }

  /// What is wrong with what attention knows of positions.
  private var positionProblems: [(key: String, message: String)] {
    switch attentionPositions {
    case .none, .buckets: return []
    case .disentangled(let own):
      // Distances up to half of the buckets are told apart, and longer ones by logarithms up to the farthest.
      guard own.isOn, own.buckets > 0, own.buckets < 2 || own.buckets / 2 > maxDistance - 2 else { return [] }
      return [
        (
          "position_buckets",
          "expected 2 to \(max(2, 2 * (maxDistance - 2) + 1)) where the farthest distance is \(maxDistance), "
            + "found \(own.buckets)"
        )
      ]
    case .rotary:
      if layerSights.count != layers {
        return [("layer_types", "expected \(layers) entries, as many as layers, found \(layerSights.count)")]
      }
      guard hiddenSize % heads == 0, headSize % 2 != 0 else { return [] }
      return [
        ("num_attention_heads", "expected heads of an even width, found \(hiddenSize) / \(heads) = \(headSize)")
      ]
    }
  }

  /// This configuration as `config.json` of a sequence classifier with 32-bit weights.
  /// - Parameter original: The file of the model this one comes from, whose other members are kept.
  package func huggingFaceJSON(preserving original: JSON? = nil) -> JSON {
    var before = original?.object ?? JSONObject()
    // They describe the original: where it was, the code to run it, and how many labels it had.
    for key in originalsOwn { before[key] = nil }
    before["architectures"] = [.string(family.architecture(for: problem))]
    before["model_type"] = .string(family.modelType)
    let writer = JSONMemberWriter(before)
    var copy = self
    family.visit(&copy, writer)
    var members = writer.members
    var idToLabel = JSONObject()
    var labelToId = JSONObject()
    for (id, label) in labels.enumerated() {
      idToLabel["\(id)"] = .string(label)
      labelToId[label] = .integer(id)
    }
    members["id2label"] = labels.isEmpty ? nil : .object(idToLabel)
    members["label2id"] = labels.isEmpty ? nil : .object(labelToId)
    members["problem_type"] = problem.problemType.map(JSON.string)
    if problem == .pairs { members[PairScore.member] = pairScore.json }
    // transformers renamed the key; a reader of either knows only its own.
    if members["torch_dtype"] != nil && members["dtype"] == nil {
      members["torch_dtype"] = "float32"
    } else {
      members["torch_dtype"] = nil
      members["dtype"] = "float32"
    }
    return .object(members)
  }

  /// What the family reads, and nothing else: what a run's `student.config` says of this configuration.
  package var familyMembers: JSONObject {
    let writer = JSONMemberWriter(JSONObject(["model_type": .string(family.modelType)]))
    var copy = self
    family.visit(&copy, writer)
    return writer.members
  }
}

/// Members that describe the original and would be wrong of another: where it was, the code to run it, how many labels it
/// had, what was made of its logits, how its weights are packed, and kernels that need other hardware.
private let originalsOwn = [
  "_name_or_path", "auto_map", "num_labels", "quantization_config", "custom_pipelines", "_commit_hash",
  PairScore.member, PairScore.oldMember, "_attn_implementation", "attn_implementation", "_attn_implementation_autoset",
  "torchscript", "finetuning_task",
]
