/// A named stretch of words.
struct Entity: Hashable, Sendable {
  let type: String
  let words: Range<Int>
}

/// The tags of a sentence: `B-`, `I-`, `E-`, `S-` before a type (BIO, BIOES; BILOU's `L-` and `U-` mean the last two), `O`
/// for none, or plain types, of which equal ones side by side are one entity.
struct TagSequence {
  private let tags: [(prefix: Character, type: String)]

  init(_ tags: [String]) {
    self.tags = tags.map { tag in
      guard tag != "O" else { return ("O", "") }
      let parts = tag.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let prefix = ["B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"][parts[0]] else {
        return ["B", "I", "E", "S"].contains(tag) ? (Character(tag), "_") : ("I", tag)
      }
      return (Character(prefix), String(parts[1]))
    }
  }

  /// As seqeval finds them without `mode="strict"`: a tag that cannot go on with what is before begins anew.
  var entities: [Entity] {
    var entities: [Entity] = []
    var start: Int?
    var before: (prefix: Character, type: String) = ("O", "")
    for (index, tag) in (tags + [("O", "")]).enumerated() {
      if let first = start, ends(before, tag) {
        entities.append(Entity(type: before.type, words: first..<index))
        start = nil
      }
      if begins(before, tag) { start = index }
      before = tag
    }
    return entities
  }

  private func ends(_ before: (prefix: Character, type: String), _ tag: (prefix: Character, type: String)) -> Bool {
    "ES".contains(before.prefix) || "BI".contains(before.prefix) && "BSO".contains(tag.prefix)
      || before.prefix != "O" && before.type != tag.type
  }

  private func begins(_ before: (prefix: Character, type: String), _ tag: (prefix: Character, type: String)) -> Bool {
    "BS".contains(tag.prefix) || "ESO".contains(before.prefix) && "EI".contains(tag.prefix)
      || tag.prefix != "O" && before.type != tag.type
  }
}

/// How well entities are found, as seqeval counts them: right are those of the same type and words; 0 where a quotient has
/// no denominator.
struct EntityMetrics: Sendable {
  struct Counts: Sendable {
    var right = 0
    var wanted = 0
    var found = 0

    var precision: Double { Self.ratio(right, found) }
    var recall: Double { Self.ratio(right, wanted) }
    var f1: Double { Self.ratio(2 * right, wanted + found) }

    private static func ratio(_ a: Int, _ b: Int) -> Double { b == 0 ? 0 : Double(a) / Double(b) }
  }

  /// By type, in the order of their names.
  let types: [(type: String, counts: Counts)]
  let all: Counts
  /// The share of words with the right tag.
  let accuracy: Double

  /// - Parameters:
  ///   - wanted: the tags of each sentence.
  ///   - found: as many of each.
  init(wanted: [[String]], found: [[String]]) {
    var counts: [String: Counts] = [:]
    var (right, words) = (0, 0)
    for (wanted, found) in zip(wanted, found) {
      precondition(wanted.count == found.count)
      words += wanted.count
      right += zip(wanted, found).count { $0 == $1 }
      let (own, other) = (Set(TagSequence(wanted).entities), Set(TagSequence(found).entities))
      for entity in own { counts[entity.type, default: Counts()].wanted += 1 }
      for entity in other { counts[entity.type, default: Counts()].found += 1 }
      for entity in own.intersection(other) { counts[entity.type, default: Counts()].right += 1 }
    }
    types = counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    all = counts.values.reduce(into: Counts()) { sum, own in
      sum.right += own.right
      sum.wanted += own.wanted
      sum.found += own.found
    }
    accuracy = words == 0 ? 0 : Double(right) / Double(words)
  }
}
