import JSON

/// What rows are labelled with, and how files write it.
package enum Targets: Sendable, Equatable {
  /// One of the named classes, by name or by number from 0.
  case classes([String])
  /// A finite number for each name.
  case numbers([String])
  /// A number from 0 to 1 for each name.
  case shares([String])
  /// Any of the named classes, as 1 and 0 for each.
  case classSets([String])
  /// One of the named tags for each word: rows are lists of words.
  case tags([String])

  /// Whether rows are lists of words.
  var areOfWords: Bool { if case .tags = self { true } else { false } }

  /// How many numbers each row has as its target; 0 where it has a class.
  var values: Int {
    switch self {
    case .classes, .tags: 0
    case .numbers(let names), .shares(let names), .classSets(let names): names.count
    }
  }
}

/// What one row is labelled with.
enum Target: Sendable, Equatable {
  case none
  case label(Int32)
  case values([Float])
  /// Of each word.
  case tags([Int32])

  /// What is wrong with it for a row of so many words.
  func problem(words: Int) -> String? {
    guard case .tags(let tags) = self, tags.count != words else { return nil }
    return "expected \(words) tags, one for each word, found \(tags.count)"
  }
}

/// A label is not what it must be.
struct TargetMismatch: Error, CustomStringConvertible {
  let expected: String
  let found: String
  let remedy: String?

  var description: String { "expected \(expected), found \(found)" + (remedy.map { "; \($0)" } ?? "") }
}

/// Reads a row's label, each kind in a file of its own.
struct TargetReader {
  let targets: Targets
  private let read: @Sendable (_ text: String) throws(TargetMismatch) -> Target
  private let readJSON: @Sendable (_ json: JSON?) throws(TargetMismatch) -> Target

  /// - Parameters:
  ///   - allowsNone: whether a row may have no label.
  ///   - key: what names the classes, for remedies.
  init(_ targets: Targets, allowsNone: Bool, key: String?) {
    self.targets = targets
    switch targets {
    case .classes(let names):
      let classes = ClassLabels(names: names, allowsNone: allowsNone, key: key)
      read = { text throws(TargetMismatch) in Target(label: try classes.id(of: text)) }
      readJSON = { json throws(TargetMismatch) in Target(label: try classes.id(of: json)) }
    case .numbers(let names), .shares(let names):
      let numbers = NumberTargets(names: names, areShares: targets == .shares(names), allowsNone: allowsNone)
      read = { text throws(TargetMismatch) in try numbers.target(of: text) }
      readJSON = { json throws(TargetMismatch) in try numbers.target(of: json) }
    case .classSets(let names), .tags(let names):
      let lists = ClassLists(
        names: names, meaning: targets.areOfWords ? .tagOfEachWord : .set, allowsNone: allowsNone, key: key)
      read = { text throws(TargetMismatch) in try lists.target(of: text) }
      readJSON = { json throws(TargetMismatch) in try lists.target(of: json) }
    }
  }

  func target(of text: String) throws(TargetMismatch) -> Target { try read(text) }
  func target(of json: JSON?) throws(TargetMismatch) -> Target { try readJSON(json) }
}

extension Target {
  /// - Parameter id: −1 for none.
  init(label id: Int32) { self = id < 0 ? .none : .label(id) }
}
