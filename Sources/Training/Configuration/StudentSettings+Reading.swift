import Encoders

extension StudentSettings {
  private static let sources = ["model", "fromTeacher", "config"]

  init(_ section: ConfigurationSection) {
    self.init(source: .model(""))
    let given = Self.sources.filter { section.value($0) != nil }
    let directory = section.read("model", .text("a Hugging Face model directory"))
    let layers = section.sectionUnlessNull("fromTeacher") { Self.teacherLayers($0) }
    let shape = section.sectionUnlessNull("config") { EncoderConfiguration($0) }
    switch given.count {
    case 0: section.reportMissing("model", "a model directory, or fromTeacher or config in its place")
    case 1:
      if let directory { source = .model(directory) }
      if let layers { source = .teacherLayers(layers) }
      if let shape { source = .fresh(shape) }
      if given != ["model"], section.node[given[0]]?.isNull == true {
        section.reportMissing(given[0], "its keys in { }")
      }
    default: section.reportAlternatives(given) { "{\($0): …}" }
    }
    section.read("tokenizer", .orNull(.text("a Hugging Face model directory")), into: &tokenizer)
    section.read("head", .choice, into: &head)
    section.section("dropout") { section in
      section.read("hidden", .orNull(.probability), into: &dropout.hidden)
      section.read("attention", .orNull(.probability), into: &dropout.attention)
      section.read("classifier", .orNull(.probability), into: &dropout.classifier)
    }
  }

  private static func teacherLayers(_ section: ConfigurationSection) -> [Int] {
    let key = "layers"
    guard let elements = section.elements(key, of: "the teacher's layers, such as [2, 4, 6]") else {
      if section.value(key) == nil { section.reportMissing(key, "the teacher's layers, such as [2, 4, 6]") }
      return []
    }
    let layers = elements.compactMap { section.reader.read($0.node, .integer(1...256), path: $0.path) }
    if elements.isEmpty { section.report("expected at least one of the teacher's layers, found none", at: key) }
    if layers.count == elements.count {
      for (index, (before, layer)) in zip(layers, layers.dropFirst()).enumerated() where layer <= before {
        let (node, path) = elements[index + 1]
        section.reader.report(
          "expected layers in ascending order, found \(layer) after \(before)", at: node, path: path)
      }
    }
    return layers
  }
}

extension Expected where Value == Float {
  static var probability: Expected { Expected<Double>.number(from: 0, below: 1).map(Float.init) }
}

extension EncoderConfiguration {
  /// Reads the keys of a Hugging Face `config.json`.
  fileprivate init(_ section: ConfigurationSection) {
    self.init()
    let positive = Expected<Double>.number(above: 0, atMost: 1).map(Float.init)
    section.read("vocab_size", .integer(1...4_000_000), into: &vocabularySize)
    section.read("hidden_size", .integer(1...65_536), into: &hiddenSize)
    section.read("num_hidden_layers", .integer(1...256), into: &layers)
    section.read("num_attention_heads", .integer(1...4096), into: &heads)
    section.read("intermediate_size", .integer(1...1_048_576), into: &intermediateSize)
    section.read("hidden_act", .choice, into: &activation)
    section.read("hidden_dropout_prob", .probability, into: &hiddenDropout)
    section.read("attention_probs_dropout_prob", .probability, into: &attentionDropout)
    section.read("classifier_dropout", .orNull(.probability), into: &classifierDropout)
    section.read("max_position_embeddings", .integer(3...65_536), into: &maxPositions)
    section.read("type_vocab_size", .integer(1...1024), into: &typeVocabularySize)
    section.read("layer_norm_eps", positive, into: &layerNormEps)
    section.read("initializer_range", positive, into: &initializerRange)
    section.read("pad_token_id", .integer(0...4_000_000), into: &padTokenId)
    if padTokenId >= vocabularySize {
      section.report("expected less than vocab_size \(vocabularySize), found \(padTokenId)", at: "pad_token_id")
    }
    for problem in sizeProblems {
      let remedy = problem.key == "num_attention_heads" ? "; give both" : ""
      section.report(problem.message + remedy, at: problem.key)
    }
  }
}
