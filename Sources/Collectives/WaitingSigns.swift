/// How a rank that waits finds out which of those it misses do not wait themselves.
///
/// It asks them, again and again, and whoever waits too answers. Nobody else needs to know: a rank sends one sign to each
/// that it misses, and one to each that misses it, which in collectives of log₂ P rounds are no more than these.
package struct WaitingSigns: Sendable {
  package enum Sign: Int32, Sendable, CaseIterable {
    case question = 1
    case answer = 2
  }

  /// Seconds between two signs to the same rank.
  private let interval: Double
  /// When a rank was last heard, and when it last asked.
  private var heard: [Int: Double] = [:]
  private var asked: [Int: Double] = [:]

  package init(interval: Double) { self.interval = interval }

  /// Takes note of a sign that has arrived. Who asks waits as well.
  package mutating func take(_ sign: Sign, from rank: Int, at time: Double) {
    heard[rank] = time
    if sign == .question { asked[rank] = time }
  }

  /// What to send now, at most one sign to a rank.
  package func due(missing: Set<Int>, at time: Double) -> [(to: Int, sign: Sign)] {
    let askers = asked.filter { isRecent($0.value, at: time) && !missing.contains($0.key) }.keys
    return missing.map { ($0, .question) } + askers.map { ($0, .answer) }
  }

  /// Those of `missing` that have not said lately that they wait.
  package func silent(_ missing: Set<Int>, at time: Double) -> Set<Int> {
    missing.filter { rank in !(heard[rank].map { isRecent($0, at: time) } ?? false) }
  }

  /// Two signs may come late, not three.
  private func isRecent(_ then: Double, at time: Double) -> Bool { time - then <= 3 * interval }

  /// Of ranks that all wait for one another, those that one of them asks: so few that signs stay few, and so spread that
  /// each is asked by as many.
  package static func asked(by rank: Int, of size: Int) -> [Int] {
    sequence(first: 1) { 2 * $0 }.prefix { $0 < size }.map { (rank + $0) % size }
  }
}
