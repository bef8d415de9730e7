/// Reads the regular expressions that `RegularExpression` matches, and refuses others by naming what is in the way.
struct ExpressionParser {
  struct Alternative {
    var parts: [Part] = []
    /// The fewest characters that it takes.
    var least = 0
    /// In how many ways its quantifiers with a limit and its groups can be tried at one place.
    var ways = 1
  }

  indirect enum Part {
    /// `most` is nil where there is no limit.
    case set(CharacterSet, least: Int, most: Int?)
    case lookahead(CharacterSet, isNegated: Bool)
    case group([Alternative])
  }

  private static let maximumLength = 1_000
  private static let maximumCount = 255
  private static let maximumWays = 64
  private static let maximumDepth = 4

  private let source: String
  private let scalars: [Unicode.Scalar]
  private var index = 0
  private var ignoresCase = false

  init(_ source: String) {
    self.source = source
    scalars = Array(source.unicodeScalars)
  }

  mutating func parse() throws -> [Alternative] {
    guard scalars.count <= Self.maximumLength else {
      throw RegularExpression.Refusal(
        reason: "expected at most \(Self.maximumLength) characters, found \(scalars.count)")
    }
    let alternatives = try self.alternatives(depth: 0)
    if index < scalars.count { throw refusal("an unmatched )") }
    guard alternatives.reduce(0, { $0 + $1.ways }) <= 2 * Self.maximumWays else { throw refusal("so many choices") }
    return alternatives
  }

  private func refusal(_ construct: String) -> RegularExpression.Refusal {
    RegularExpression.Refusal(
      reason: "\(source.quoted): \(construct) at character \(index) is not supported; "
        + "sets, groups, greedy quantifiers of one character and lookahead at one character are")
  }

  private mutating func skip(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard scalars[index...].starts(with: wanted) else { return false }
    index += wanted.count
    return true
  }

  private mutating func alternatives(depth: Int) throws -> [Alternative] {
    guard depth <= Self.maximumDepth else { throw refusal("a group this deep") }
    var alternatives: [Alternative] = []
    repeat {
      var alternative = Alternative()
      while index < scalars.count, scalars[index] != "|", scalars[index] != ")" {
        try add(to: &alternative, depth: depth)
      }
      alternatives.append(alternative)
    } while skip("|")
    return alternatives
  }

  private mutating func add(to alternative: inout Alternative, depth: Int) throws {
    func multiply(_ ways: Int) throws {
      alternative.ways *= ways
      if alternative.ways > Self.maximumWays { throw refusal("so many choices") }
    }
    if skip("(?!") || skip("(?=") {
      let isNegated = scalars[index - 1] == "!"
      let set = try set()
      guard skip(")") else { throw refusal("lookahead at more than one character") }
      alternative.parts.append(.lookahead(set, isNegated: isNegated))
    } else if skip("(") {
      let outer = ignoresCase
      if skip("?i:") {
        ignoresCase = true
      } else if !skip("?:"), index < scalars.count, scalars[index] == "?" {
        throw refusal("this group")
      }
      let group = try alternatives(depth: depth + 1)
      guard skip(")") else { throw refusal("a group without end") }
      ignoresCase = outer
      let isOptional = skip("?")
      try noQuantifier("a quantifier of a group")
      try multiply(group.reduce(isOptional ? 1 : 0) { $0 + $1.ways })
      if !isOptional { alternative.least += group.map(\.least).min() ?? 0 }
      alternative.parts.append(.group(group + (isOptional ? [Alternative()] : [])))
    } else {
      let set = try set()
      let (least, most) = try quantifier()
      if let most { try multiply(most - least + 1) }
      alternative.least += least
      alternative.parts.append(.set(set, least: least, most: most))
    }
  }

  private mutating func quantifier() throws -> (least: Int, most: Int?) {
    var count: (Int, Int?) = (1, 1)
    if skip("?") {
      count = (0, 1)
    } else if skip("*") {
      count = (0, nil)
    } else if skip("+") {
      count = (1, nil)
    } else if skip("{") {
      guard let least = number() else { throw refusal("a brace") }
      count = (least, least)
      if skip(",") { count.1 = number() }
      guard skip("}"), count.1 ?? .max >= least else { throw refusal("a brace") }
    } else {
      return count
    }
    try noQuantifier("a lazy or possessive quantifier")
    return count
  }

  private func noQuantifier(_ construct: String) throws {
    if index < scalars.count, "?*+{".unicodeScalars.contains(scalars[index]) { throw refusal(construct) }
  }

  private mutating func number() -> Int? {
    var value: Int?
    while index < scalars.count, ("0"..."9").contains(scalars[index]) {
      value = (value ?? 0) * 10 + Int(scalars[index].value - 0x30)
      index += 1
      if value ?? 0 > Self.maximumCount { return nil }
    }
    return value
  }

  // MARK: Sets

  /// A character, an escape or a set in brackets.
  private mutating func set() throws -> CharacterSet {
    guard index < scalars.count else { throw refusal("the end") }
    var set = CharacterSet()
    let scalar = scalars[index]
    index += 1
    switch scalar {
    case "[":
      let isNegated = skip("^")
      var isEmpty = true
      while !skip("]") {
        guard index < scalars.count else { throw refusal("a set without end") }
        if skip("[") || skip("&&") { throw refusal("a set within a set") }
        isEmpty = false
        guard let first = try member(&set) else { continue }
        guard index + 1 < scalars.count, scalars[index] == "-", scalars[index + 1] != "]" else {
          try insert(first, &set)
          continue
        }
        index += 1
        guard !ignoresCase, let last = try member(&set), last >= first else { throw refusal("this range") }
        set.insert(first...last)
      }
      if isEmpty { throw refusal("an empty set") }
      if isNegated { set.negate() }
    case "\\":
      index -= 1
      if let scalar = try member(&set) { try insert(scalar, &set) }
    case ".", "^", "$", "?", "*", "+", "{", "]", "}":
      index -= 1
      throw refusal(String(scalar).quoted)
    default: try insert(scalar.value, &set)
    }
    return set
  }

  /// The next character of a set, or nil for a property, which is inserted.
  private mutating func member(_ set: inout CharacterSet) throws -> UInt32? {
    let scalar = scalars[index]
    index += 1
    guard scalar == "\\" else { return scalar.value }
    guard index < scalars.count else { throw refusal("the end") }
    let escaped = scalars[index]
    index += 1
    switch escaped {
    case "n": return 0x0A
    case "r": return 0x0D
    case "t": return 0x09
    case "f": return 0x0C
    case "v": return 0x0B
    case "s", "S": set.insert(.whitespace, isNegated: escaped == "S")
    case "p", "P":
      if skip("{L}") {
        set.insert(.letter, isNegated: escaped == "P")
      } else if skip("{N}") {
        set.insert(.number, isNegated: escaped == "P")
      } else {
        throw refusal("a property other than \\p{L} and \\p{N}")
      }
    case let escaped where escaped.isASCII && !escaped.properties.isAlphabetic && !("0"..."9").contains(escaped):
      return escaped.value
    default: throw refusal("\\\(escaped)")
    }
    return nil
  }

  private func insert(_ scalar: UInt32, _ set: inout CharacterSet) throws {
    set.insert(scalar...scalar)
    guard ignoresCase else { return }
    guard let lower = Unicode.Scalar(scalar | 0x20), ("a"..."z").contains(lower), scalar < 0x80 else {
      guard scalar < 0x80 else { throw refusal("a letter beyond ASCII without case") }
      return
    }
    set.insert(lower.value...lower.value)
    set.insert(lower.value - 0x20...lower.value - 0x20)
    // The long s and the sign for kelvin fold to ASCII.
    if lower == "s" { set.insert(0x17F...0x17F) }
    if lower == "k" { set.insert(0x212A...0x212A) }
  }
}
