import Encoders
import Text

extension StudentSettings {
  private static let sources = ["model", "fromTeacher", "config"]

  init(_ section: ConfigurationSection) {
    self.init(source: .model(""))
    let given = Self.sources.filter { section.value($0) != nil }
    let directory = section.read(
      "model", .text("a Hugging Face model directory"),
      "a Hugging Face [model directory](#model-directories), or a [name on the hub](models.md)")
    section.describe(
      "layers", .orNull(.list(of: Self.layer.form, count: 1...Int.max)), default: .value(.null),
      "of `model`, the layers that are read, from 1, ascending; null reads all")
    if let node = section.value("layers"), !node.isNull { layers = Self.layers(section, of: "the model's") }
    let picked = section.sectionUnlessNull(
      "fromTeacher", default: .none, "the teacher's embeddings, head and some of its layers"
    ) { section in
      let layers = Self.teacherLayers(section)
      var width: Int?
      section.read(
        "hidden", .orNull(.integer(1...65_536)), into: &width,
        "the hidden dimensions that a [narrower student](#narrower-students) keeps, with as many heads as fit; null keeps "
          + "all")
      return (layers, width)
    }
    let shape = section.sectionUnlessNull(
      "config", default: .none, "new random weights of this shape; such students learn slowly"
    ) { EncoderConfiguration($0) }
    switch given.count {
    case 0: section.reportMissing("model", "a model directory, or fromTeacher or config in its place")
    case 1:
      if let directory { source = .model(directory) }
      if let picked { (source, hidden) = (.teacherLayers(picked.0), picked.1) }
      if let shape { source = .fresh(shape) }
      if given != ["model"], section.node[given[0]]?.isNull == true {
        section.reportMissing(given[0], "its keys in { }")
      }
    default: section.reportAlternatives(given) { "{\($0): …}" }
    }
    if layers != nil, let other = given.first, other != "model" {
      section.report("are those of `model`, which \(other) stands in the place of; leave one of them out", at: "layers")
    }
    section.read(
      "tokenizer", .orNull(.text("a Hugging Face model directory")), into: &tokenizer,
      "a model, by path or name, whose tokenizer is used; null takes that of `model`, else the teacher's")
    vocabulary = section.sectionUnlessNull(
      "vocabulary",
      "keeps the tokens that texts use most, for a [smaller student](#smaller-vocabularies); null keeps all"
    ) { Vocabulary($0) }
    section.read("head", .choice, into: &head, "when to replace the head")
    section.section(
      "dropout", "dropout probabilities that replace those of the student's own configuration"
    ) { section in
      section.read(
        "hidden", .orNull(.probability), into: &dropout.hidden,
        "after embeddings, attention and feed-forward outputs")
      section.read("attention", .orNull(.probability), into: &dropout.attention, "on attention probabilities")
      section.read(
        "classifier", .orNull(.probability), into: &dropout.classifier, "before the classification head")
    }
  }

  fileprivate static let mostTokens = 4_000_000

  private static var layer: Expected<Int> { .integer(1...256) }

  private static func teacherLayers(_ section: ConfigurationSection) -> [Int] {
    let key = "layers"
    section.describe(
      key, .list(of: layer.form, count: 1...Int.max), default: .required, "which layers, from 1, ascending")
    if section.value(key) == nil { section.reportMissing(key, "the teacher's layers, such as [2, 4, 6]") }
    return layers(section, of: "the teacher's") ?? []
  }

  /// Whose they are: `the teacher's`.
  private static func layers(_ section: ConfigurationSection, of whose: String) -> [Int]? {
    let key = "layers"
    guard let elements = section.elements(key, of: "\(whose) layers, such as [2, 4, 6]") else { return nil }
    let layers = elements.compactMap { section.reader.read($0.node, layer, path: $0.path) }
    if elements.isEmpty { section.report("expected at least one of \(whose) layers, found none", at: key) }
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

extension StudentSettings.Vocabulary {
  fileprivate init(_ section: ConfigurationSection) {
    let count = section.require(
      "keep", .integer(1...StudentSettings.mostTokens),
      "how many tokens stay, special ones and single characters among them")
    self.init(keep: count ?? 1)
    section.describe(
      "from", .list(of: .mapping, count: 0...Int.max), default: .value([]),
      "the texts that decide, a list of sources; [] takes those that the run learns from, with labels and without")
    from = DatasetSource.unlabelled(in: section, "from") ?? []
  }
}
