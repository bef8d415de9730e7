import Encoders
import JSON

extension EncoderConfiguration {
  /// Reads the keys of a Hugging Face `config.json`: those of the family that `model_type` names.
  init(_ section: ConfigurationSection) {
    var family = EncoderFamily.bert
    section.read("model_type", .family, into: &family, "the family, which decides on the other keys")
    self.init(family: family)
    let members = SectionMembers(section: section)
    family.visit(&self, members)
    if section.isDescribing {
      for other in EncoderFamily.all {
        var configuration = EncoderConfiguration(family: other)
        other.visit(&configuration, members)
      }
    }
    for problem in sizeProblems {
      section.report(problem.message + (problem.message.contains("divisor") ? "; give both" : ""), at: problem.key)
    }
  }

  /// Writes them.
  func write(to writer: inout YAMLWriter) {
    let members = familyMembers
    // An object is how newer files spell what has a key of its own here.
    for (key, value) in zip(members.keys, members.values) where value.object == nil {
      if let text = value.string {
        writer.write(key, text)
      } else if let integer = value.int {
        writer.write(key, number: integer)
      } else if let number = value.double {
        writer.write(key, number: number)
      } else {
        writer.write(key, flow: value.text())
      }
    }
  }
}

/// A run's `student.config`, as a family visits it.
private struct SectionMembers: ConfigurationMembers {
  let section: ConfigurationSection

  func integer(_ key: String, _ value: inout Int, in range: ClosedRange<Int>, _ meaning: String) {
    section.read(key, .integer(range), into: &value, meaning)
  }

  func probability(_ key: String, _ value: inout Float, _ meaning: String) {
    section.read(key, .probability, into: &value, meaning)
  }

  func probabilityOrNull(_ key: String, _ value: inout Float?, _ meaning: String) {
    section.read(key, .orNull(.probability), into: &value, meaning)
  }

  func fraction(_ key: String, _ value: inout Float, _ meaning: String) {
    section.read(key, .fraction, into: &value, meaning)
  }

  func flag(_ key: String, _ value: inout Bool, _ meaning: String) {
    section.read(key, .boolean, into: &value, meaning)
  }

  func choice<Value: RawRepresentable & CaseIterable & Sendable>(
    _ key: String, _ value: inout Value, _ meaning: String
  ) where Value.RawValue == String {
    section.read(key, .choice, into: &value, meaning)
  }

  /// The key in an object is how newer files spell what has a key of its own here.
  func number(_ keys: [String], _ value: inout Float, _ meaning: String) {
    if keys.count == 1 { section.read(keys[0], .base, into: &value, meaning) }
  }

  func words<Value: RawRepresentable & CaseIterable & Sendable>(
    _ key: String, _ values: inout [Value], _ meaning: String
  ) where Value.RawValue == String {
    section.read(key, .words(), into: &values, meaning)
  }

  /// Not to be configured.
  func only(_ keys: [String], _ value: JSON, remedy: String) {}
}

extension Expected where Value == Float {
  static var probability: Expected { .of(.number(from: 0, below: 1)) }

  fileprivate static var fraction: Expected { .of(.number(above: 0, atMost: 1)) }

  /// Of the angles of rotary positions.
  fileprivate static var base: Expected { .of(.number(above: 0, atMost: 1e9)) }

  /// The shortest digits that give the same `Float` stand for it.
  private static func of(_ number: Expected<Double>) -> Expected {
    number.map(Float.init, back: { Double($0.description) ?? Double($0) })
  }
}

extension Expected where Value == EncoderFamily {
  fileprivate static var family: Expected {
    let words = EncoderFamily.all.map(\.modelType)
    return Expected(
      description: listed(words), form: .words(words),
      read: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        return EncoderFamily(modelType: text)
      },
      json: { .string($0.modelType) },
      remedy: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        return nearest(to: text, among: words).map { "did you mean \($0)?" }
      })
  }
}

extension Expected {
  fileprivate static func words<Word: RawRepresentable & CaseIterable>() -> Expected
  where Value == [Word], Word.RawValue == String {
    let known = Word.allCases.map(\.rawValue)
    return Expected(
      description: "a list of \(listed(known))", form: .list(of: .words(known), count: 0...256),
      read: { node in
        guard case .sequence(let nodes) = node.content else { return nil }
        var words: [Word] = []
        for node in nodes {
          guard case .scalar(let text, _) = node.content, let word = Word(rawValue: text) else { return nil }
          words.append(word)
        }
        return words
      },
      json: { .array($0.map { .string($0.rawValue) }) })
  }
}
