import Collectives
import JSON

/// How the ranks spent some time, and the memory they hold: what rank 0 shows of all of them.
package struct RanksReport: Sendable {
  package let stage: String
  /// The stage's step behind which it was made.
  package let step: Int
  package let sentencesPerSecond: Double
  package let tokensPerSecond: Double
  /// The rank that computed longest.
  package let slowestRank: Int
  /// Of the other ranks' time, the share in which they waited for it.
  package let slowestRankCost: Double
  /// Of the slowest rank's time, the share in which its workers waited for the sum over ranks.
  package let exposedCommunication: Double
  /// Of all ranks, in bytes; pages that ranks share count once.
  package let memory: Int
  /// Whether it is of a whole epoch, and part of the log.
  package let isOfEpoch: Bool

  var members: [(String, JSON)] {
    [
      ("stage", .string(stage)), ("step", .integer(step)), ("sentences_per_second", .number(sentencesPerSecond)),
      ("tokens_per_second", .number(tokensPerSecond)), ("slowest_rank", .integer(slowestRank)),
      ("slowest_rank_cost", .number(slowestRankCost)), ("exposed_communication", .number(exposedCommunication)),
      ("memory", .integer(memory)),
    ]
  }
}

/// What a rank did since some point.
struct RankTimes: Sendable {
  private var seconds = 0.0
  /// Of them, not computing.
  private var waiting = 0.0
  /// Of the global batches.
  private var sentences = 0
  private var tokens = 0

  mutating func add(seconds: Double, waiting: Double, sentences: Int, tokens: Int) {
    self.seconds += seconds
    self.waiting += waiting
    self.sentences += sentences
    self.tokens += tokens
  }

  /// Collective: each rank sends rank 0 three numbers.
  ///
  /// - Returns: on rank 0 the report.
  func report(stage: String, step: Int, isOfEpoch: Bool, ranks: any Communicator) throws -> RanksReport? {
    var own = [seconds, waiting, Double(ProcessMemory.bytes())]
    var all = [[Double]](repeating: own, count: ranks.size)
    if ranks.rank == 0 {
      var received = [Double](repeating: 0, count: 3 * (ranks.size - 1))
      try received.withUnsafeMutableBytes { bytes in
        try ranks.exchange(
          send: [],
          receive: (1..<max(1, ranks.size)).map { rank in
            (rank, UnsafeMutableRawBufferPointer(rebasing: bytes[(rank - 1) * 24..<rank * 24]))
          })
      }
      for rank in 1..<max(1, ranks.size) { all[rank] = Array(received[(rank - 1) * 3..<rank * 3]) }
    } else {
      try own.withUnsafeMutableBytes { try ranks.exchange(send: [(0, UnsafeRawBufferPointer($0))], receive: []) }
      return nil
    }
    let busy = all.map { $0[0] - $0[1] }
    let slowest = busy.indices.max { (busy[$0], $1) < (busy[$1], $0) } ?? 0
    let others = Double(ranks.size - 1) * seconds
    let lost = busy.reduce(0) { $0 + busy[slowest] - $1 }
    let rate = 1 / max(seconds, 1e-9)
    return RanksReport(
      stage: stage, step: step, sentencesPerSecond: Double(sentences) * rate, tokensPerSecond: Double(tokens) * rate,
      slowestRank: slowest, slowestRankCost: others > 0 ? min(1, max(0, lost / others)) : 0,
      exposedCommunication: min(1, all[slowest][1] / max(all[slowest][0], 1e-9)),
      memory: Int(all.reduce(0) { $0 + $1[2] }), isOfEpoch: isOfEpoch)
  }
}
