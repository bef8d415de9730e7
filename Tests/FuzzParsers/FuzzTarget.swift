import Glibc

/// A parser under test, and how to make what it should refuse.
struct FuzzTarget {
  let name: String
  /// Valid inputs, each in parts that are damaged one at a time.
  let seeds: [[[UInt8]]]
  let mutations: Mutations
  /// Joins the parts of a case, making right again what would hide deeper faults: lengths and checksums.
  var assemble: (_ parts: [[UInt8]], _ random: inout RandomSource) -> [UInt8] = { parts, _ in Array(parts.joined()) }
  /// What a byte of input may take of memory, beside 64 MiB for each case.
  var memoryPerByte = 2
  /// Large inputs made on purpose, each aimed at memory or time.
  var bombs: [() -> [UInt8]] = []
  /// Parses, and uses what was accepted; throws what the user would see. A broken promise is a trap.
  let parse: (_ bytes: [UInt8]) throws -> Void

  init(
    _ name: String, seeds: [[UInt8]], words: [String] = [], bombs: [() -> [UInt8]] = [],
    parse: @escaping (_ bytes: [UInt8]) throws -> Void
  ) {
    self.init(name, parts: seeds.map { [$0] }, words: words, bombs: bombs, parse: parse)
  }

  init(
    _ name: String, parts: [[[UInt8]]], words: [String] = [], bombs: [() -> [UInt8]] = [],
    assemble: ((_ parts: [[UInt8]], _ random: inout RandomSource) -> [UInt8])? = nil,
    parse: @escaping (_ bytes: [UInt8]) throws -> Void
  ) {
    self.name = name
    seeds = parts
    mutations = Mutations(words: words)
    self.bombs = bombs
    self.parse = parse
    if let assemble { self.assemble = assemble }
  }

  /// The input of a case: first the bombs, then the seeds as they are, then damaged seeds.
  func input(_ index: Int, seed: UInt64) -> [UInt8] {
    if index < bombs.count { return bombs[index]() }
    var random = RandomSource(seed, UInt64(index), UInt64(name.utf8.reduce(0) { $0 &* 31 &+ Int($1) }))
    if index < bombs.count + seeds.count { return assemble(seeds[index - bombs.count], &random) }
    var parts = random.pick(seeds)
    let damaged = random.below(parts.count)
    parts[damaged] = mutations.apply(to: parts[damaged], others: seeds.map { $0[min(damaged, $0.count - 1)] }, &random)
    return assemble(parts, &random)
  }
}

extension [UInt8] {
  /// A text over and over, as bytes.
  static func repeating(_ text: String, _ times: Int, before: String = "", after: String = "") -> [UInt8] {
    Array((before + String(repeating: text, count: times) + after).utf8)
  }

  /// What `text` gives for each number, end to end.
  static func counting(_ count: Int, before: String = "", after: String = "", _ text: (Int) -> String) -> [UInt8] {
    var bytes = Array(before.utf8)
    for index in 0..<count { bytes += text(index).utf8 }
    return bytes + after.utf8
  }
}

/// Traps where a parser broke a promise about what it accepted, an error on the way being one too.
/// - Parameter subject: What broke it.
func promise(
  _ isKept: @autoclosure () throws -> Bool, _ subject: @autoclosure () -> String = "", file: StaticString = #fileID,
  line: UInt = #line
) {
  let found: String
  do {
    guard try !isKept() else { return }
    found = subject()
  } catch {
    found = "\(error)"
  }
  let text = "\(file):\(line): a promise is broken: \(found.debugDescription.prefix(1_000))\n"
  write(2, text, text.utf8.count)
  abort()
}
