import Collectives
import Synchronization
import Testing

/// What ranks tell one another while one of many is stuck, without MPI: whom each of them sends to and receives from is
/// recorded on the real code, and followed until nobody gets on.
@Suite struct WaitingSignsTests {
  struct Exchange: Sendable {
    var sends: [Int] = []
    var receives: [Int] = []
    /// Of those that it needs, the ranks that it asks; `nil` where it asks all.
    var asks: [Int]?

    func asked(among missing: Set<Int>) -> Set<Int> { missing.isEmpty ? [] : asks.map(Set.init) ?? missing }
  }

  private final class Recording: Communicator {
    let rank: Int
    let size: Int
    let localRank = 0
    let localSize = 1
    private let recorded = Mutex<[Exchange]>([])

    init(rank: Int, size: Int) { (self.rank, self.size) = (rank, size) }

    var exchanges: [Exchange] { recorded.withLock { $0 } }

    func exchange(
      send: [(to: Int, bytes: UnsafeRawBufferPointer)], receive: [(from: Int, bytes: UnsafeMutableRawBufferPointer)]
    ) {
      recorded.withLock { $0.append(Exchange(sends: send.map(\.to), receives: receive.map(\.from))) }
    }

    func abort(status: Int32) -> Never { preconditionFailure("nobody aborts") }
  }

  enum Collective: CaseIterable {
    case sum, broadcast, gather, allGather, librarySum

    func exchanges(rank: Int, size: Int) throws -> [Exchange] {
      let ranks = Recording(rank: rank, size: size)
      switch self {
      case .sum:
        var values = [1.0]
        try ranks.sum(&values)
      case .broadcast:
        var bytes: [UInt8] = [1]
        try ranks.broadcast(&bytes, from: 0)
      case .gather: _ = try ranks.gather([], to: 0)
      case .allGather, .librarySum:
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
        defer { bytes.deallocate() }
        try ranks.allGather(bytes, stretches: (0..<size).map { $0..<$0 + 1 })
      }
      guard self == .librarySum else { return ranks.exchanges }
      // How the library does it is not known, but that nobody is through without all others.
      return ranks.exchanges.map {
        Exchange(sends: $0.sends, receives: $0.receives, asks: WaitingSigns.asked(by: rank, of: size))
      }
    }
  }

  private struct Route: Hashable {
    let from: Int
    let to: Int
  }

  /// Whom each rank asks in the end, where one begins nothing; `nil` for ranks that are through.
  /// - Parameter areLong: whether a message is under way only once both ends wait for it.
  private func waiting(_ programs: [[Exchange]], stuck: Int, areLong: Bool) -> [Set<Int>?] {
    var (sent, expected): ([Route: Int], [Route: Int]) = ([:], [:])
    var places = [Int](repeating: 0, count: programs.count)
    func begin(_ rank: Int) {
      guard rank != stuck, places[rank] < programs[rank].count else { return }
      let exchange = programs[rank][places[rank]]
      for other in exchange.sends { sent[Route(from: rank, to: other), default: 0] += 1 }
      for other in exchange.receives { expected[Route(from: other, to: rank), default: 0] += 1 }
    }
    func missing(_ rank: Int) -> Set<Int>? {
      guard rank != stuck, places[rank] < programs[rank].count else { return nil }
      let exchange = programs[rank][places[rank]]
      let late = exchange.receives.filter {
        let route = Route(from: $0, to: rank)
        return sent[route, default: 0] < expected[route, default: 0]
      }
      let unread = exchange.sends.filter {
        let route = Route(from: rank, to: $0)
        return areLong && expected[route, default: 0] < sent[route, default: 0]
      }
      return Set(late + unread)
    }
    for rank in programs.indices { begin(rank) }
    var hasMoved = true
    while hasMoved {
      hasMoved = false
      for rank in programs.indices where missing(rank)?.isEmpty == true {
        places[rank] += 1
        begin(rank)
        hasMoved = true
      }
    }
    return programs.indices.map { rank in
      missing(rank).map { programs[rank][places[rank]].asked(among: $0) }
    }
  }

  @Test(
    "a stuck rank is named, and nobody else, by signs that are few",
    arguments: Collective.allCases, [2, 3, 4, 7, 16, 64, 100, 256, 1000, 1024])
  func signs(collective: Collective, size: Int) throws {
    let programs = try (0..<size).map { try collective.exchanges(rank: $0, size: size) }
    let rounds = (size - 1).bitWidth - (size - 1).leadingZeroBitCount
    for (stuck, areLong) in Set([0, 1, size / 2, size - 1]).flatMap({ [($0, false), ($0, true)] }) {
      let missing = waiting(programs, stuck: stuck, areLong: areLong)
      var signs = [WaitingSigns](repeating: WaitingSigns(interval: 1), count: size)
      var (most, named): (Int, Set<Int>) = (0, [])
      // As many looks as there are before a warning.
      for look in 1...8 {
        var sent: [(from: Int, to: Int, sign: WaitingSigns.Sign)] = []
        for rank in 0..<size {
          guard let missing = missing[rank] else { continue }
          let due = signs[rank].due(missing: missing, at: Double(look))
          most = max(most, due.count)
          sent += due.map { (rank, $0.to, $0.sign) }
          if look == 8 { named.formUnion(signs[rank].silent(missing, at: 8)) }
        }
        // What a rank sends is seen at the next look, by those that look.
        for (from, to, sign) in sent where missing[to] != nil { signs[to].take(sign, from: from, at: Double(look + 1)) }
      }
      let isMissed = missing.contains { $0?.isEmpty == false }
      #expect(named == (isMissed ? [stuck] : []), "rank \(stuck) of \(size): \(named.sorted())")
      #expect(most <= (collective == .librarySum ? 2 * rounds : rounds + 1), "rank \(stuck) of \(size): \(most) signs")
    }
  }

  @Test func signsThatStayAwayAreNoticed() {
    var signs = WaitingSigns(interval: 2)
    signs.take(.answer, from: 1, at: 10)
    signs.take(.question, from: 2, at: 11)
    #expect(signs.silent([1, 2, 3], at: 16) == [3])
    #expect(signs.silent([1, 2, 3], at: 17) == [1, 3])
    #expect(signs.silent([1, 2, 3], at: 18) == [1, 2, 3])
    // Who asks is answered as long as it goes on, once, and not where it is asked itself.
    #expect(signs.due(missing: [3], at: 17).map(\.to).sorted() == [2, 3])
    #expect(signs.due(missing: [2], at: 17).map(\.sign) == [.question])
    #expect(signs.due(missing: [3], at: 18).map(\.to) == [3])
  }
}
