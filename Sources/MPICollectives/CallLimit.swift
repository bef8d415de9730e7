import CMPI
import Dispatch
import Glibc
import Synchronization

/// A limit for the calls in which MPI itself waits for all ranks, and for as long as it takes.
struct CallLimit {
  let seconds: Double?
  let rank: Int
  /// Prints the error and says with which status the process ends.
  let report: @Sendable (any Error) -> Int32

  private static let tick = 0.25

  func run(_ call: String, _ body: () throws -> Void) rethrows {
    guard let seconds else { return try body() }
    let timer = DispatchSource.makeTimerSource(queue: .global())
    // Ticks that a stopped process misses come as one: it has not waited for anybody meanwhile.
    let ticks = Atomic<Int>(0)
    timer.setEventHandler { [rank, report] in
      let count = ticks.add(1, ordering: .relaxed).newValue
      guard Double(count) * Self.tick >= seconds else { return }
      giveWay(rank: rank)
      let status = report(RanksMissing(call: call, seconds: seconds))
      Launcher.endUnlessItEnds()
      // Whoever holds MPI's locks never gives them back.
      _exit(status)
    }
    timer.schedule(deadline: .now() + Self.tick, repeating: Self.tick)
    timer.activate()
    defer { timer.cancel() }
    try body()
  }
}

/// Ranks that did not come to a call in which all of them meet.
struct RanksMissing: Error, CustomStringConvertible {
  let call: String
  let seconds: Double
  let stopped = HostProcess.stoppedRanks

  var description: String {
    let found =
      stopped.isEmpty
      ? "found some missing, and none of this host stopped"
      : "found stopped "
        + stopped.map { "rank \($0.rank) (process \($0.process.id))" }.joined(separator: ", ")
    return "MPI: \(call): expected all ranks within \(seconds) seconds (run.stuckRank.startWithin), \(found); "
      + "see whether each rank's process runs, and whether all hosts can reach each other"
  }
}
