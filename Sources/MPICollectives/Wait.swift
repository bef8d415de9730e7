import CMPI
import Collectives
import Glibc
import Synchronization

/// The one place where a rank waits for others, and finds out which of them keeps it waiting.
///
/// Of the ranks whose messages are missing, those that do not say that they wait themselves are the cause; see
/// ``WaitingSigns``.
final class Wait: Sendable {
  let limits: StuckRankLimits
  let rank: Int
  /// How long the launcher needs to end the job by itself, when a host is out of reach; see ``Launcher``.
  let launcherNoticesAfter: Double?
  let warn: @Sendable (String) -> Void
  /// Whether a wait begins without pauses.
  let isEager = Atomic(false)

  init(
    limits: StuckRankLimits, rank: Int, launcherNoticesAfter: Double?, warn: @escaping @Sendable (String) -> Void
  ) {
    (self.limits, self.rank) = (limits, rank)
    (self.launcherNoticesAfter, self.warn) = (launcherNoticesAfter, warn)
  }

  private static let pollMicroseconds: UInt32 = 50
  /// About as long as a pause takes, with what the kernel adds to it.
  private static let eagerness = Duration.microseconds(100)
  /// How often a rank asks before it warns.
  private static let signs = 8.0
  private var interval: Double { limits.warnAfter / Self.signs }

  /// Waits until all messages have arrived.
  ///
  /// - Throws: ``StuckRanks``, ``MPIError``.
  func finish(_ messages: borrowing Messages) throws {
    let clock = ContinuousClock()
    let abortAfter = limits.abortAfter.map { max($0, launcherNoticesAfter ?? 0) }
    var last = clock.now
    var waited = 0.0
    var next = interval
    var signs = WaitingSigns(interval: interval)
    var named: Set<Int> = []
    if isEager.load(ordering: .relaxed) {
      let end = clock.now + Self.eagerness
      repeat {
        if try messages.haveArrived() { return }
        // A worker that has no core at the moment goes first.
        sched_yield()
      } while clock.now < end
    }
    while true {
      // MPI moves messages only inside its calls, and its waiting calls spin: other threads have work to do.
      if try messages.haveArrived() { return }
      usleep(Self.pollMicroseconds)
      // A process that was stopped itself has not waited for anybody meanwhile.
      let now = clock.now
      waited += min((now - last) / .seconds(1), interval)
      last = now
      guard waited >= next else { continue }
      next = waited + interval
      let missing = try messages.missing()
      try listenAndTell(&signs, missing, at: waited)
      let stuck = signs.silent(missing, at: waited)
      if waited >= limits.warnAfter, !stuck.subtracting(named).isEmpty {
        named.formUnion(stuck)
        warn(StuckRanks(ranks: stuck.sorted(), waiting: rank, seconds: waited).warning(limits))
      }
      if let limit = abortAfter, waited >= limit, !stuck.isEmpty || waited >= limit + 4 * interval {
        throw StuckRanks(ranks: (stuck.isEmpty ? missing : stuck).sorted(), waiting: rank, seconds: waited)
      }
    }
  }

  /// Notes who waits as well, and asks and answers.
  private func listenAndTell(_ signs: inout WaitingSigns, _ missing: Set<Int>, at time: Double) throws(MPIError) {
    for sign in WaitingSigns.Sign.allCases {
      while true {
        var isThere: Int32 = 0
        var source: Int32 = 0
        try MPIError.check("MPI_Iprobe", cmpi_take_sign(sign.rawValue, &isThere, &source))
        guard isThere != 0 else { break }
        signs.take(sign, from: Int(source), at: time)
      }
    }
    for (rank, sign) in signs.due(missing: missing, at: time) {
      try MPIError.check("MPI_Isend", cmpi_send_sign(Int32(rank), sign.rawValue))
    }
  }
}

/// Ranks that were waited for too long.
package struct StuckRanks: Error, CustomStringConvertible {
  let ranks: [Int]
  let waiting: Int
  let seconds: Double

  private var names: String {
    "\(ranks.count == 1 ? "rank" : "ranks") \(ranks.map(String.init).joined(separator: ", "))"
  }

  private var finding: String {
    let tenths = (seconds * 10).rounded() / 10
    return "\(names): expected a message to rank \(waiting), found none in \(tenths) seconds"
  }

  package var description: String {
    "\(finding), which is longer than run.stuckRank.abortAfter; see whether the process hangs or was stopped, and "
      + "whether its host can be reached; then go on with --resume auto"
  }

  func warning(_ limits: StuckRankLimits) -> String {
    let end = limits.abortAfter.map { "the job ends after \($0) (run.stuckRank.abortAfter)" } ?? "the job waits on"
    return "\(finding); \(end)"
  }
}
