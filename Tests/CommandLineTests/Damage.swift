import Checkpoints
import Glibc
import JSON

/// Ways to break what a run reads.
extension TinyWorkspace {
  func remove(_ name: String) throws { try removeTree("\(path)/\(name)") }

  func cut(_ name: String, to count: Int) throws {
    guard truncate("\(path)/\(name)", count) == 0 else { throw ProgramFailure(description: "\(name) cannot be cut") }
  }

  /// Sets a tensor's last value.
  func spoil(_ model: String, _ tensor: String, with value: Float) throws {
    try rewrite(model) { tensors in
      let last = (tensors[tensor]?.values.count ?? 0) - 1
      tensors[tensor]?.values[last] = value
    }
  }

  /// Sets some of a tensor's values.
  func spoil(_ model: String, _ tensor: String, at range: Range<Int>, with value: Float) throws {
    try rewrite(model) { tensors in
      for index in range { tensors[tensor]?.values[index] = value }
    }
  }

  func removeTensors(from model: String, where isRemoved: (String) -> Bool) throws {
    try rewrite(model) { tensors in tensors = tensors.filter { !isRemoved($0.key) } }
  }

  /// Writes the tensors under other names, with others of one number beside them.
  func renameTensors(of model: String, adding extra: [String] = [], _ name: (String) -> String) throws {
    try rewrite(model) { tensors in
      tensors = Dictionary(uniqueKeysWithValues: tensors.map { (name($0.key), $0.value) })
      for name in extra { tensors[name] = ([1], [1]) }
    }
  }

  /// Leaves a model one segment, as those without pairs have.
  func oneSegment(_ model: String) throws {
    try rewrite(model) { tensors in
      let key = "bert.embeddings.token_type_embeddings.weight"
      guard let old = tensors[key] else { return }
      tensors[key] = ([1, old.shape[1]], Array(old.values.prefix(old.shape[1])))
    }
    try replace(#""type_vocab_size": 2"#, by: #""type_vocab_size": 1"#, in: "\(model)/config.json")
  }

  /// Puts the classes of a model, and the rows of its head, into another order; the model is the same by name.
  func permuteClasses(of model: String, as order: [Int], names: [String]) throws {
    try rewrite(model) { tensors in
      for key in ["classifier.weight", "classifier.bias"] {
        guard let old = tensors[key] else { continue }
        let width = old.values.count / order.count
        tensors[key]?.values = order.flatMap { old.values[$0 * width..<($0 + 1) * width] }
      }
    }
    guard case .object(var configuration) = try JSON(contentsOf: "\(path)/\(model)/config.json") else { return }
    let ids = order.enumerated().map { ("\($0)", JSON.string(names[$1])) }
    configuration["id2label"] = .object(ids.reduce(into: JSONObject()) { $0[$1.0] = $1.1 })
    configuration["label2id"] = nil
    try write(JSON.object(configuration).bytes(), to: "\(model)/config.json")
  }

  private func rewrite(
    _ model: String, _ change: (inout [String: (shape: [Int], values: [Float])]) -> Void
  ) throws {
    let path = "\(path)/\(model)/model.safetensors"
    let file = try SafetensorsFile(path)
    var tensors: [String: (shape: [Int], values: [Float])] = [:]
    for tensor in file.tensors { tensors[tensor.name] = (tensor.shape, try file.floats(tensor)) }
    change(&tensors)
    let writer = try SafetensorsWriter(replacing: path, tensors: tensors.map { .init($0, .float32, $1.shape) })
    for (name, tensor) in tensors {
      try tensor.values.withUnsafeBufferPointer { try writer.write(name, $0) }
    }
    try writer.finish()
  }

  /// A `tokenizer.json` of the vocabulary, as transformers writes it for BERT.
  func writeTokenizerJSON(to model: String) throws {
    var vocabulary = JSONObject()
    for (id, word) in Self.vocabulary.enumerated() { vocabulary[word] = .integer(id) }
    let tokenizer: JSON = [
      "version": "1.0", "truncation": .null, "padding": .null, "added_tokens": [],
      "normalizer": [
        "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": .null,
        "lowercase": true,
      ],
      "pre_tokenizer": ["type": "BertPreTokenizer"],
      "post_processor": ["type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]], "decoder": .null,
      "model": [
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": .object(vocabulary),
      ],
    ]
    try write(tokenizer.bytes(), to: "\(model)/tokenizer.json")
  }
}
