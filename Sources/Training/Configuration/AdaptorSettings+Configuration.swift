import Distillation
import JSON

extension AdaptorSettings.Kind {
  /// Whether it learns from inside the encoder, so that the head gets no gradient from it.
  var isIntermediate: Bool { self != .logitMSE && self != .logitCE }

  private var readsHiddenStates: Bool { self == .hidnTinyBERT || self == .hidnPKD }

  /// The keys an entry of this kind may have, in the order they are written.
  var options: [String] {
    var options = ["weight"]
    if isIntermediate, self != .embdTinyBERT { options.append("layers") }
    if !quantities.isEmpty { options.append("on") }
    if !isIntermediate { options += ["temperature", "temperatureScaling"] }
    if readsHiddenStates || self == .embdTinyBERT { options.append("projection") }
    if readsHiddenStates { options.append("perLayer") }
    return options
  }

  /// What `on` may be; empty where there is nothing to choose.
  var quantities: [AdaptorSettings.Quantity] {
    switch self {
    case .attnTinyBERT: [.probabilities, .scores]
    case .logitMSE: [.probabilities, .logits]
    default: []
    }
  }

  /// What the student learns with it, in Markdown.
  fileprivate var meaning: String {
    switch self {
    case .attnMiniLM: "attention probabilities, by KL divergence"
    case .attnTinyBERT: "attention, by mean squared error"
    case .valMiniLM: "relations between values, by KL divergence"
    case .hidnTinyBERT: "hidden states, by mean squared error"
    case .embdTinyBERT: "the embeddings' output, by mean squared error"
    case .hidnPKD: "the direction of the first token's hidden states"
    case .logitMSE: "logits, by mean squared error"
    case .logitCE: "logits, by cross-entropy"
    }
  }

  /// The lowest number a layer pair may hold: hidden states also have layer 0, the embeddings' output.
  var firstLayer: Int { readsHiddenStates ? 0 : 1 }
}

extension AdaptorSettings {
  /// Reads one entry of `adaptors`: a bare name, or a name with its options below it.
  static func read(_ node: ConfigurationNode, path: String, pattern: String, in reader: ConfigurationReader) -> Self? {
    switch node.content {
    case .scalar:
      return reader.read(node, Expected<Kind>.choice, path: path).map(AdaptorSettings.init)
    case .mapping(let entries) where entries.count == 1:
      let name = ConfigurationNode(.scalar(entries[0].key, isPlain: true), at: entries[0].value.keyPlace)
      guard let kind = reader.read(name, Expected<Kind>.choice, path: path) else { return nil }
      let pattern = "\(pattern).\(kind.rawValue)"
      reader.describe(ConfigurationKey(path: pattern, form: .mapping, default: .none, meaning: kind.meaning))
      return reader.section(
        entries[0].value, path: "\(path).\(kind.rawValue)", pattern: pattern, under: node, reportsMissing: true
      ) { section in
        AdaptorSettings(kind: kind, section)
      }
    case .mapping:
      reader.report(
        "expected one adaptor, found a mapping of several keys; write its options as {Name: {weight: 1}}", at: node,
        path: path)
    case .sequence:
      reader.report("expected an adaptor, found a list; write its name", at: node, path: path)
    }
    return nil
  }

  private init(kind: Kind, _ section: ConfigurationSection) {
    self.init(kind: kind)
    func option<Value>(_ key: String, _ expected: Expected<Value>, into target: inout Value, _ meaning: String) {
      if kind.options.contains(key) {
        section.read(key, expected, into: &target, meaning)
      } else {
        section.refuse(key, "\(kind.rawValue) has no such option; it has \(kind.options.joined(separator: ", "))")
      }
    }
    option(
      "weight", .number(from: 0, to: 1e6), into: &weight, "0 measures the loss without learning from it")
    option(
      "layers", LayerMapSettings.expected(firstLayer: kind.firstLayer), into: &layers,
      "which student layer learns from which teacher layer")
    option("on", .choice(of: kind.quantities), into: &on, "what is compared")
    option("temperature", .number(above: 0, atMost: 1000), into: &temperature, "divides the logits")
    option(
      "temperatureScaling", .boolean, into: &temperatureScaling, "multiply the loss by the temperature's square")
    option(
      "projection", .choice, into: &projection,
      "a linear map from the student's width to the teacher's; `auto` where they differ")
    option("perLayer", .boolean, into: &perLayer, "a projection for each layer pair")
  }
}

extension LayerMapSettings {
  /// A map's name, or pairs of layers without repetition.
  fileprivate static func expected(firstLayer: Int) -> Expected<LayerMapSettings> {
    let layer = Expected.integer(firstLayer...256)
    let maps = ["last", "uniform", "skip"]
    return Expected(
      description: "last, uniform, skip or distinct pairs [[student, teacher], …] of layers from \(firstLayer)",
      form: .either([.words(maps), .list(of: .list(of: layer.form, count: 2...2), count: 1...Int.max)]),
      read: { node in
        switch node.content {
        case .scalar("last", _): return .last
        case .scalar("uniform", _): return .uniform
        case .scalar("skip", _): return .skip
        case .scalar, .mapping: return nil
        case .sequence(let elements):
          var pairs: [LayerPair] = []
          for element in elements {
            guard case .sequence(let numbers) = element.content, numbers.count == 2,
              let student = layer.read(numbers[0]), let teacher = layer.read(numbers[1])
            else { return nil }
            let pair = LayerPair(student: student, teacher: teacher)
            guard !pairs.contains(pair) else { return nil }
            pairs.append(pair)
          }
          return pairs.isEmpty ? nil : .pairs(pairs)
        }
      },
      json: { map in
        switch map {
        case .last: "last"
        case .uniform: "uniform"
        case .skip: "skip"
        case .pairs(let pairs): .array(pairs.map { [layer.json($0.student), layer.json($0.teacher)] })
        }
      },
      remedy: { node in
        if case .scalar(let text, _) = node.content {
          return nearest(to: text, among: maps).map { "did you mean \($0)?" }
        }
        guard case .sequence(let elements) = node.content else { return nil }
        return elements.isEmpty
          ? "name at least one pair" : "look for a pair that is not two such numbers, or comes twice"
      })
  }
}
