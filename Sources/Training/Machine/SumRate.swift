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
    let size = ranks.size
    let stretch = max(4, bytes / size)
    let sent = [UInt8](repeating: 1, count: stretch)
    var received = [UInt8](repeating: 0, count: stretch * size)
    let others = (0..<size).filter { $0 != ranks.rank }
    let small = try time(ranks, seconds: seconds / 4) {
      var number = [1.0]
      try ranks.sum(&number)
    }
    let large = try time(ranks, seconds: 3 * seconds / 4) {
      // As in `GradientSum`: each rank's stretch to that rank, and then its sum to all.
      for _ in 0..<2 {
        try sent.withUnsafeBytes { sent in
          try received.withUnsafeMutableBytes { received in
            try ranks.exchange(
              send: others.map { ($0, sent) },
              receive: others.map {
                ($0, UnsafeMutableRawBufferPointer(rebasing: received[$0 * stretch..<($0 + 1) * stretch]))
              })
          }
        }
      }
    }
    return SumRate(
      latency: small, seconds: large, bytes: bytes,
      bandwidth: Double(2 * stretch * others.count) / max(large, 1e-9))
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
