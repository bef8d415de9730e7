import JSON
import Text

extension UnlabelledSettings {
  /// Reads the keys that `data` and a stage's `data` share, starting from what is inherited.
  init(_ section: ConfigurationSection, inheriting inherited: UnlabelledSettings) {
    self = inherited
    section.describe(
      "unlabelled", .list(of: .mapping, count: 0...Int.max), default: .value([]),
      "texts without labels, from which a stage learns through its adaptors: a list of sources")
    sources = DatasetSource.unlabelled(in: section, "unlabelled") ?? sources
    section.read(
      "mix", .mix, into: &mix,
      "`concatenate`: an epoch has every row once, with a label or without; `{labelled: 0.25}`: a quarter of each batch has "
        + "labels, and the kind that is short of rows repeats them")
  }

  func write(to writer: inout YAMLWriter) {
    writer.list("unlabelled", sources) { source, writer in source.writeKeys(to: &writer) }
    switch mix {
    case .concatenate: writer.write("mix", "concatenate")
    case .labelled(let share): writer.write("mix", flow: "{labelled: \(YAMLWriter.number(share))}")
    }
  }
}

extension DatasetSource {
  /// A list of texts without labels; `nil` where the key is not given.
  static func unlabelled(in section: ConfigurationSection, _ key: String) -> [DatasetSource]? {
    section.elements(key, of: "sources")?.map { node, path in
      section.reader.section(
        node, path: path, pattern: "\(section.patternOfKey(key)).N", under: node, reportsMissing: true
      ) { DatasetSource(unlabelled: $0) }
    }
  }

  private init(unlabelled section: ConfigurationSection) {
    self.init(section, split: .train)
    for key in ["labels", "labelColumn", "missingLabels"] where section.value(key).map({ !$0.isNull }) ?? false {
      section.report("text without labels has no such key; remove it, or move the file to data.train", at: key)
    }
    labelColumn = nil
    if case .lines = format { (format, moreLabelsPaths) = (.lines(labelsPath: nil), []) }
  }
}

extension Expected where Value == UnlabelledSettings.Mix {
  fileprivate static var mix: Expected {
    let share = Expected<Double>.number(above: 0, below: 1)
    return Expected(
      description: "concatenate or {labelled: \(share.description)}",
      form: .either([.words(["concatenate"]), .map(of: share.form)]),
      read: { node in
        switch node.content {
        case .scalar("concatenate", _): return .concatenate
        case .mapping(let entries) where entries.count == 1 && entries[0].key == "labelled":
          return share.read(entries[0].value).map { .labelled(share: $0) }
        default: return nil
        }
      },
      json: { mix in
        switch mix {
        case .concatenate: "concatenate"
        case .labelled(let number): .members([("labelled", share.json(number))])
        }
      })
  }
}
