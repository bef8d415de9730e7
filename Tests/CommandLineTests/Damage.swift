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
