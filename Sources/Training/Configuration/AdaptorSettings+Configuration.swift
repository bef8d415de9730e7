import Distillation
import JSON

extension AdaptorSettings {
  /// Reads one entry of `adaptors`: a bare name, or a name with its options below it.
  static func read(_ node: ConfigurationNode, path: String, pattern: String, in reader: ConfigurationReader) -> Self? {
    switch node.content {
    case .scalar:
      return reader.read(node, Expected<AdaptorKind>.adaptor, path: path).map(AdaptorSettings.init)
    case .mapping(let entries) where entries.count == 1:
      let name = ConfigurationNode(.scalar(entries[0].key, isPlain: true), at: entries[0].value.keyPlace)
      guard let kind = reader.read(name, Expected<AdaptorKind>.adaptor, path: path) else { return nil }
      let pattern = "\(pattern).\(kind.name)"
      reader.describe(ConfigurationKey(path: pattern, form: .mapping, default: .none, meaning: kind.meaning))
      return reader.section(
        entries[0].value, path: "\(path).\(kind.name)", pattern: pattern, under: node, reportsMissing: true
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

  private init(kind: AdaptorKind, _ section: ConfigurationSection) {
    self.init(kind: kind)
    var scheduled = NumberOrSchedule(weight)
    section.read(
      "weight", .scheduled(.number(from: 0, to: 1e6)), into: &scheduled,
      "0 measures the loss without learning from it; or a [schedule](#schedules)")
    (weight, weightSchedule) = (scheduled.number, scheduled.schedule)
    for option in kind.options {
      guard option.key == "temperature", case .number(let bound, let last) = option.form else {
        section.read(option.key, option.expected, into: &self[option], option.meaning)
        continue
      }
      scheduled = NumberOrSchedule(self[option].number ?? last)
      section.read(
        option.key, .scheduled(.number(above: bound, atMost: last)), into: &scheduled,
        "\(option.meaning); or a [schedule](#schedules)")
      self[option] = .number(scheduled.number)
      temperatureSchedule = scheduled.schedule
    }
    let own = ["weight"] + kind.options.map(\.key)
    for key in Self.allOptionKeys where !own.contains(key) {
      section.refuse(key, "\(kind.name) has no such option; it has \(own.joined(separator: ", "))")
    }
  }

  private static let allOptionKeys = Set(AdaptorKind.all.flatMap(\.options).map(\.key)).sorted()

  func write(to writer: inout YAMLWriter) {
    writer.write("weight", flow: NumberOrSchedule(weight, weightSchedule).flow)
    for option in kind.options {
      let flow =
        temperatureSchedule.map { NumberOrSchedule($0.largest, $0).flow }.flatMap {
          option.key == "temperature" ? $0 : nil
        }
      writer.write(option.key, flow: flow ?? self[option].flow)
    }
  }
}

extension Expected where Value == AdaptorKind {
  /// The name of an adaptor.
  fileprivate static var adaptor: Expected {
    let names = AdaptorKind.all.map(\.name)
    return Expected(
      description: listed(names), form: .words(names),
      read: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        return AdaptorKind.named(text)
      },
      json: { .string($0.name) },
      remedy: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        return nearest(to: text, among: names).map { "did you mean \($0)?" }
      })
  }
}

extension AdaptorOption {
  fileprivate var expected: Expected<AdaptorOptionValue> {
    // What `back` is given was read with the same form.
    switch form {
    case .number(let bound, let last):
      Expected<Double>.number(above: bound, atMost: last).map(AdaptorOptionValue.number) { $0.number ?? 0 }
    case .optionalNumber(let bound, let last):
      Expected<Double?>.orNull(.number(above: bound, atMost: last)).map {
        $0.map(AdaptorOptionValue.number) ?? .none
      } back: {
        $0.number
      }
    case .integer(let range):
      Expected<Int>.integer(range).map(AdaptorOptionValue.integer) {
        if case .integer(let value) = $0 { value } else { 0 }
      }
    case .flag: Expected<Bool>.boolean.map(AdaptorOptionValue.flag) { $0 == .flag(true) }
    case .word(let words):
      Expected<String>.word(words).map(AdaptorOptionValue.word) { if case .word(let word) = $0 { word } else { "" } }
    case .words(let words):
      Expected<[String]>.distinct(words).map(AdaptorOptionValue.words) {
        if case .words(let list) = $0 { list } else { [] }
      }
    case .layers(let lowest):
      LayerMapSettings.expected(firstLayer: lowest).map(AdaptorOptionValue.layers) {
        if case .layers(let layers) = $0 { layers } else { .last }
      }
    }
  }
}

extension AdaptorOptionValue {
  fileprivate var number: Double? { if case .number(let number) = self { number } else { nil } }

  /// As YAML.
  fileprivate var flow: String {
    switch self {
    case .none: "null"
    case .number(let number): YAMLWriter.number(number)
    case .integer(let integer): "\(integer)"
    case .flag(let flag): flag ? "true" : "false"
    case .word(let word): YAMLWriter.scalar(word)
    case .words(let words): YAMLWriter.list(words.map(YAMLWriter.scalar))
    case .layers(let layers): layers.flow
    }
  }
}

extension Expected where Value == String {
  fileprivate static func word(_ words: [String]) -> Expected {
    Expected(
      description: listed(words), form: .words(words),
      read: { node in
        guard case .scalar(let text, _) = node.content, words.contains(text) else { return nil }
        return text
      },
      json: JSON.string,
      remedy: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        return nearest(to: text, among: words).map { "did you mean \($0)?" }
      })
  }
}

extension Expected where Value == [String] {
  /// Some of these words, each at most once.
  fileprivate static func distinct(_ words: [String]) -> Expected {
    Expected(
      description: "a list of \(listed(words)), each once", form: .list(of: .words(words), count: 1...words.count),
      read: { node in
        guard case .sequence(let elements) = node.content, !elements.isEmpty else { return nil }
        var read: [String] = []
        for element in elements {
          guard case .scalar(let text, _) = element.content, words.contains(text), !read.contains(text) else {
            return nil
          }
          read.append(text)
        }
        return read
      },
      json: { .array($0.map(JSON.string)) })
  }
}

extension LayerMapSettings {
  /// A map's name, or pairs of layers without repetition.
  fileprivate static func expected(firstLayer: Int) -> Expected<LayerMapSettings> {
    let layer = Expected.integer(firstLayer...256)
    let maps = ["last", "uniform", "skip", "top"]
    return Expected(
      description: "last, uniform, skip, top or distinct pairs [[student, teacher], …] of layers from \(firstLayer)",
      form: .either([.words(maps), .list(of: .list(of: layer.form, count: 2...2), count: 1...Int.max)]),
      read: { node in
        switch node.content {
        case .scalar("last", _): return .last
        case .scalar("uniform", _): return .uniform
        case .scalar("skip", _): return .skip
        case .scalar("top", _): return .top
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
        case .top: "top"
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

  fileprivate var flow: String {
    switch self {
    case .last: "last"
    case .uniform: "uniform"
    case .skip: "skip"
    case .top: "top"
    case .pairs(let pairs): YAMLWriter.list(pairs.map { "[\($0.student), \($0.teacher)]" })
    }
  }
}
