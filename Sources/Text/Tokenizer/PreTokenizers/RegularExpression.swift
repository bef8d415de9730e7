/// A regular expression of the kind that tokenizers split text with: alternatives of characters and sets with greedy
/// quantifiers, groups, and lookahead at one character.
///
/// The first alternative that fits decides, and quantifiers give back, as in Oniguruma. A quantifier stands at one
/// character only, so that what is behind it either fits at a place or does not: each place that failed is remembered,
/// and a text takes time in proportion to its length.
struct RegularExpression: Sendable {
  let source: String
  private var nodes: [Node] = []
  private var sets: [CharacterSet] = []
  private var root = 0
  /// How many of the nodes are quantifiers without limit.
  private var loops = 0

  struct Refusal: Error {
    let reason: String
  }

  fileprivate enum Node: Sendable {
    case end
    /// One of these nodes, in this order.
    case either([Int])
    /// From `least` to `most` characters of a set, then a node.
    case some(set: Int, least: Int, most: Int, then: Int)
    /// As many as there are, at least `least`; `loop` numbers it.
    case loop(set: Int, least: Int, loop: Int, then: Int)
    case lookahead(set: Int, isNegated: Bool, then: Int)
  }

  init(_ source: String) throws {
    self.source = source
    var parser = ExpressionParser(source)
    let alternatives = try parser.parse()
    guard alternatives.allSatisfy({ $0.least > 0 }) else {
      throw Refusal(reason: "expected an expression that cannot match nothing, found \(source.quoted)")
    }
    nodes = [.end]
    root = add(.either(alternatives.map { add($0.parts[...], then: 0) }))
  }

  // MARK: Building

  private mutating func add(_ node: Node) -> Int {
    nodes.append(node)
    return nodes.count - 1
  }

  private mutating func add(_ set: CharacterSet) -> Int {
    sets.append(set)
    return sets.count - 1
  }

  private mutating func add(_ parts: ArraySlice<ExpressionParser.Part>, then last: Int) -> Int {
    var then = last
    for part in parts.reversed() {
      switch part {
      case .set(let set, let least, let most):
        let set = add(set)
        if let most {
          then = add(.some(set: set, least: least, most: most, then: then))
        } else {
          then = add(.loop(set: set, least: least, loop: loops, then: then))
          loops += 1
        }
      case .lookahead(let set, let isNegated):
        then = add(.lookahead(set: add(set), isNegated: isNegated, then: then))
      case .group(let alternatives):
        let after = then
        then = add(.either(alternatives.map { add($0.parts[...], then: after) }))
      }
    }
    return then
  }

  // MARK: Matching

  /// Where the expression matches, from left to right.
  func matches(in bytes: ArraySlice<UInt8>) -> [Range<Int>] {
    var matches: [Range<Int>] = []
    bytes.withUnsafeBufferPointer { text in
      var search = Search(text: text, failed: [Range<Int>](repeating: -1 ..< -1, count: loops))
      var start = 0
      while start < text.count {
        if let end = match(root, start, &search) {
          matches.append(start + bytes.startIndex..<end + bytes.startIndex)
          start = end
        } else {
          _ = search.next(&start)
        }
      }
    }
    return matches
  }

  private struct Search {
    let text: UnsafeBufferPointer<UInt8>
    /// For each loop the places after it where what is behind it is known not to fit: from the first to the end of a run
    /// of its characters. Empty if there is none.
    var failed: [Range<Int>]

    @inline(__always)
    func next(_ index: inout Int) -> UInt32 {
      let first = text[index]
      index += 1
      if first < 0x80 { return UInt32(first) }
      let (trailing, mask): (Int, UInt8) = first >= 0xF0 ? (3, 0x07) : first >= 0xE0 ? (2, 0x0F) : (1, 0x1F)
      var scalar = UInt32(first & mask)
      for _ in 0..<trailing where index < text.count {
        scalar = scalar << 6 | UInt32(text[index] & 0x3F)
        index += 1
      }
      return scalar
    }

    /// Where the character before `index` starts.
    @inline(__always)
    func previous(_ index: Int) -> Int {
      var index = index - 1
      while index > 0, text[index] & 0xC0 == 0x80 { index -= 1 }
      return index
    }
  }

  /// Where a match of `node` that starts at `start` ends.
  private func match(_ node: Int, _ start: Int, _ search: inout Search) -> Int? {
    switch nodes[node] {
    case .end: return start
    case .either(let alternatives):
      for alternative in alternatives {
        if let end = match(alternative, start, &search) { return end }
      }
      return nil
    case .lookahead(let set, let isNegated, let then):
      var next = start
      let found = start < search.text.count && sets[set].contains(search.next(&next))
      return found != isNegated ? match(then, start, &search) : nil
    case .some(let set, let least, let most, let then):
      var (end, count) = (start, 0)
      while count < most, end < search.text.count {
        var next = end
        guard sets[set].contains(search.next(&next)) else { break }
        (end, count) = (next, count + 1)
      }
      while count >= least {
        if let match = match(then, end, &search) { return match }
        if count == 0 { break }
        (end, count) = (search.previous(end), count - 1)
      }
      return nil
    case .loop(let set, let least, let loop, let then):
      let failed = search.failed[loop]
      var (end, count) = (start, 0)
      /// After as many characters as there must be.
      var first = start
      while end < search.text.count {
        if count >= least, !failed.isEmpty, end == failed.lowerBound { break }
        if count >= least, failed.contains(end) { return nil }
        var next = end
        guard sets[set].contains(search.next(&next)) else { break }
        (end, count) = (next, count + 1)
        if count == least { first = end }
      }
      guard count >= least else { return nil }
      let meetsFailed = !failed.isEmpty && end == failed.lowerBound
      let last = meetsFailed ? failed.upperBound : end + 1
      if meetsFailed {
        if end == first { return nil }
        end = search.previous(end)
      }
      while true {
        if let match = match(then, end, &search) { return match }
        if end == first { break }
        end = search.previous(end)
      }
      search.failed[loop] = first..<last
      return nil
    }
  }
}
