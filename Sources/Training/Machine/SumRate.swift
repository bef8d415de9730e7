import Collectives

/// How fast ranks sum, measured with messages as those of a step.
package struct SumRate: Sendable, Equatable {
  /// Seconds of a sum of a single number.
  package let latency: Double
  /// Seconds of exchanging gradients of `bytes`.
  package let seconds: Double
  package let bytes: Int
  /// Bytes a second that each rank sends meanwhile, and receives.
  package let bandwidth: Double

  package init(latency: Double, seconds: Double, bytes: Int, bandwidth: Double) {
    self.latency = latency
    self.seconds = seconds
    self.bytes = bytes
    self.bandwidth = bandwidth
  }

  /// Collective.
  ///
  /// - Parameters:
  ///   - bytes: of a rank's gradients.
  ///   - seconds: how long it takes, about.
  package static func measure(bytes: Int, seconds: Double, ranks: any Communicator) throws -> SumRate {
    let rounds = RecursiveDoubling(rank: ranks.rank, size: ranks.size)
    let sent = [UInt8](repeating: 1, count: max(4, bytes))
    var received = sent
    // As in `GradientSum`: halves, quarters and so on, there and back; where ranks fold, all of it.
    var messages = rounds.rounds.indices.map { (rounds.rounds[$0].partner, sent.count >> ($0 + 1), true, true) }
    messages += messages.reversed()
    switch rounds.fold {
    case .none: break
    case .into(let neighbour):
      messages = [(neighbour, sent.count, true, false), (neighbour, sent.count, false, true)]
    case .from(let neighbour):
      messages = [(neighbour, sent.count, false, true)] + messages + [(neighbour, sent.count, true, false)]
    }
    let small = try time(ranks, seconds: seconds / 4) {
      var number = [1.0]
      try ranks.sum(&number)
    }
    let large = try time(ranks, seconds: 3 * seconds / 4) {
      for (partner, count, sends, receives) in messages {
        try sent.withUnsafeBytes { sent in
          try received.withUnsafeMutableBytes { received in
            try ranks.exchange(
              send: sends ? [(partner, UnsafeRawBufferPointer(rebasing: sent[..<count]))] : [],
              receive: receives ? [(partner, UnsafeMutableRawBufferPointer(rebasing: received[..<count]))] : [])
          }
        }
      }
    }
    return SumRate(
      latency: small, seconds: large, bytes: bytes,
      bandwidth: Double(messages.reduce(0) { $0 + ($1.2 ? $1.1 : 0) }) / max(large, 1e-9))
  }

  /// Collective: seconds of one call, of as many as rank 0 thinks will do.
  private static func time(_ ranks: any Communicator, seconds: Double, _ body: () throws -> Void) throws -> Double {
    let clock = ContinuousClock()
    try body()
    try ranks.barrier()
    let first = clock.now
    try body()
    var count = [ranks.rank == 0 ? min(10_000, max(1, seconds / max((clock.now - first).seconds, 1e-6))) : 0]
    try ranks.sum(&count)
    let start = clock.now
    for _ in 0..<Int(count[0]) { try body() }
    return (clock.now - start).seconds / Double(Int(count[0]))
  }
}
