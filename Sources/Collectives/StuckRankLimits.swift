/// How long a rank waits for others that neither send anything nor wait themselves: ones that were stopped, that hang, or
/// that a broken network keeps from being heard.
package struct StuckRankLimits: Sendable, Equatable {
  /// Seconds until they are named.
  package var warnAfter: Double
  /// Seconds until the job ends; `nil` waits for ever.
  package var abortAfter: Double?
  /// Seconds within which all ranks must have started; `nil` waits for ever.
  package var startWithin: Double?

  package init(warnAfter: Double = 60, abortAfter: Double? = 600, startWithin: Double? = 300) {
    self.warnAfter = warnAfter
    self.abortAfter = abortAfter
    self.startWithin = startWithin
  }

  /// For work of rank 0 alone, which takes as long as it takes.
  package static let untilRank0IsDone = StuckRankLimits(warnAfter: .infinity, abortAfter: nil)
}
