import Collectives
import Testing

@testable import Training

/// What ranks do together in rounds of pairs, tried with ranks as threads.
struct RankPatternTests {
  static let sizes = [1, 2, 3, 4, 5, 7, 8, 13, 16]

  @Test("every rank has the same sum", arguments: sizes)
  func sums(size: Int) throws {
    let sums = try ThreadRanks.run(size) { ranks in
      // Numbers whose sum depends on the order of additions.
      var values = [0.1 * Double(ranks.rank + 1), Double(ranks.rank), 1e17 / Double(ranks.rank + 1)]
      try ranks.sum(&values)
      return values
    }
    #expect(sums.allSatisfy { $0 == sums[0] })
    #expect(sums[0][1] == Double(size * (size - 1) / 2))
    #expect(abs(sums[0][0] - 0.05 * Double(size * (size + 1))) < 1e-12)
  }

  @Test("what the root has arrives everywhere", arguments: sizes)
  func broadcasts(size: Int) throws {
    for root in 0..<size {
      for count in [0, 1, 1000] {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 + root) }
        let found = try ThreadRanks.run(size) { ranks in
          var own = ranks.rank == root ? bytes : [UInt8](repeating: 9, count: ranks.rank)
          try ranks.broadcast(&own, from: root)
          return own
        }
        #expect(found.allSatisfy { $0 == bytes })
      }
    }
  }

  @Test("the root has everybody's bytes, in order", arguments: sizes)
  func gathers(size: Int) throws {
    for root in 0..<size {
      let found = try ThreadRanks.run(size) { ranks in
        try ranks.barrier()
        return try ranks.gather([UInt8](repeating: UInt8(ranks.rank), count: (5 * ranks.rank) % 7), to: root)
      }
      for rank in 0..<size where rank != root { #expect(found[rank] == nil) }
      #expect(found[root] == (0..<size).map { [UInt8](repeating: UInt8($0), count: (5 * $0) % 7) })
    }
  }

  @Test("everybody has everybody's stretch", arguments: sizes)
  func gathersEverywhere(size: Int) throws {
    // Some ranks have nothing.
    let ends = (0...size).map { ($0 / 2) * 3 }
    let found = try ThreadRanks.run(size) { ranks in
      var bytes = [UInt8](repeating: 0, count: ends[size])
      for index in ends[ranks.rank]..<ends[ranks.rank + 1] { bytes[index] = UInt8(truncatingIfNeeded: 7 * index + 1) }
      try bytes.withUnsafeMutableBytes { bytes in
        try ranks.allGather(bytes, stretches: (0..<size).map { ends[$0]..<ends[$0 + 1] })
      }
      return bytes
    }
    #expect(found.allSatisfy { $0 == (0..<ends[size]).map { UInt8(truncatingIfNeeded: 7 * $0 + 1) } })
  }

  @Test("partners meet in the same round, and groups are ranges of ranks", arguments: Array(1...40) + [100, 1024])
  func meetings(size: Int) {
    let patterns = (0..<size).map { RecursiveDoubling(rank: $0, size: size) }
    for (rank, pattern) in patterns.enumerated() {
      switch pattern.fold {
      case .none: break
      case .into(let other): #expect(patterns[other].fold == .from(rank) && pattern.rounds.isEmpty)
      case .from(let other): #expect(other == rank + 1 && patterns[other].fold == .into(rank))
      }
      for (index, round) in pattern.rounds.enumerated() {
        let theirs = patterns[round.partner].rounds[index]
        #expect(theirs.partner == rank && theirs.own == round.theirs && theirs.isLeft == !round.isLeft)
        #expect(
          round.isLeft
            ? round.own.upperBound == round.theirs.lowerBound : round.theirs.upperBound == round.own.lowerBound)
        #expect(round.own.contains(rank))
      }
      if let last = pattern.rounds.last { #expect(min(last.own.lowerBound, last.theirs.lowerBound) == 0) }
    }
  }
}
