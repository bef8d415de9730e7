import Distillation
import JSON

/// A key as the code that reads it describes it. Schema, reference, completion and suggestions all follow from these.
package struct ConfigurationKey: Sendable {
  enum Default: Sendable {
    case none
    case required
    case value(JSON)
    /// Where it follows from something else, in Markdown.
    case words(String)
  }

  /// The key with all that lead to it; `N` stands for a position in a list.
  package let path: String
  let form: ValueForm
  let `default`: Default
  /// In Markdown, without a full stop.
  let meaning: String

  var name: String { path.lastIndex(of: ".").map { String(path[path.index(after: $0)...]) } ?? path }
  var parent: String { path.lastIndex(of: ".").map { String(path[..<$0]) } ?? "" }

  /// Every key, in the order in which they are read.
  package static let all: [ConfigurationKey] = {
    let adaptors = AdaptorKind.all.map { "\($0.name): {}" }.map { "{\($0)}" }
    // One of everything, so that reading it asks for every key there is.
    let everything = """
      run: {directory: d}
      data: {train: {text: t}, validation: {text: v}, test: {text: v}, unlabelled: [{text: u}]}
      teacher: {model: t, cache: {path: c}}
      teachers: [{model: t, cache: {path: c}}]
      student: {fromTeacher: {layers: [1]}, config: {}, vocabulary: {keep: 1, from: [{text: u}]}}
      stages: [{name: a, adaptors: [\(adaptors.joined(separator: ", "))], data: {unlabelled: [{text: u}]}}]
      sweep: {seeds: [1]}
      """
    guard let root = try? ConfigurationNode(yaml: everything, origin: "", isFile: false) else { return [] }
    let reader = ConfigurationReader(root: root, describes: true)
    _ = RunConfiguration.read(reader)
    return reader.keys
  }()

  /// The key that this one repeats elsewhere: a stage's for one of `training`, a validation file's for a training file's.
  var original: String? {
    let copies = [
      ("stages.N.data.unlabelled.N.", "data.train."), ("stages.N.data.", "data."), ("stages.N.", "training."),
      ("data.validation.", "data.train."), ("data.test.", "data.train."), ("data.unlabelled.N.", "data.train."),
      ("student.vocabulary.from.N.", "data.train."),
      ("teachers.N.", "teacher."),
    ]
    for (copy, original) in copies {
      guard path.hasPrefix(copy) else { continue }
      let path = original + path.dropFirst(copy.count)
      return Self.paths.contains(path) ? path : nil
    }
    return nil
  }

  private static let paths = Set(all.map(\.path))

  /// The one key of this name in other sections, for a key that is in the wrong place.
  static func elsewhere(_ name: String, from section: String) -> String? {
    let found = all.filter { $0.original == nil && isSpelling(name, of: $0.name) && $0.parent != section }
    return found.count == 1 ? found[0].path : nil
  }
}

extension ConfigurationKey {
  /// Whether one value is enough to set it.
  package var isScalar: Bool {
    switch form {
    case .mapping, .map, .named, .list(of: .mapping, _), .list(of: .named, _): false
    default: !path.contains(".N.adaptors.N.")
    }
  }
}
