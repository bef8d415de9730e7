import Distillation

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
      let name = ConfigurationNode(
        location: entries[0].value.location, position: entries[0].value.position,
        content: .scalar(entries[0].key, isPlain: true))
      guard let kind = reader.read(name, Expected<Kind>.choice, path: path) else { return nil }
      return reader.section(
        entries[0].value, path: "\(path).\(kind.rawValue)", pattern: "\(pattern).NAME", under: node,
        reportsMissing: true
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
    func option<Value>(_ key: String, _ expected: Expected<Value>, into target: inout Value) {
      if kind.options.contains(key) {
        section.read(key, expected, into: &target)
      } else if section.value(key) != nil {
        section.report("\(kind.rawValue) has no such option; it has \(kind.options.joined(separator: ", "))", at: key)
      }
    }
    option("weight", .number(from: 0, to: 1e6), into: &weight)
    option("layers", LayerMapSettings.expected(firstLayer: kind.firstLayer), into: &layers)
    option("on", .choice(of: kind.quantities), into: &on)
    option("temperature", .number(above: 0, atMost: 1000), into: &temperature)
    option("temperatureScaling", .boolean, into: &temperatureScaling)
    option("projection", .choice, into: &projection)
    option("perLayer", .boolean, into: &perLayer)
  }
}

extension LayerMapSettings {
  /// A map's name, or pairs of layers without repetition.
  fileprivate static func expected(firstLayer: Int) -> Expected<LayerMapSettings> {
    let layer = Expected.integer(firstLayer...256)
    return Expected(
      description: "last, uniform, skip or distinct pairs [[student, teacher], …] of layers from \(firstLayer)",
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
      remedy: { node in
        guard case .sequence(let elements) = node.content else { return nil }
        return elements.isEmpty
          ? "name at least one pair" : "look for a pair that is not two such numbers, or comes twice"
      })
  }
}
