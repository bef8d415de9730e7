import Collectives
import Glibc

/// Runs `body` as one of the ranks a launcher started, or as the only process where none did: then MPI is not even
/// initialised.
///
/// An error that `body` throws in a job of one process is thrown on. On one of several ranks it ends the job: `report`
/// prints the error and says with which status, and every rank is ended at once, whatever it waits for. Rank 0 goes
/// first, so that an error they all find (a missing file, a bad setting) is told once.
///
/// - Parameters:
///   - environment: who started this process.
///   - stuckRank: how long ranks wait for one another.
///   - warn: prints a warning that names the ranks waited for. Called on any thread, on one of several ranks.
///   - report: prints an error of `body` and returns the job's exit status, not 0. Called only on one of several ranks.
///   - body: the work, on every rank.
/// - Throws: ``LaunchError`` where the ranks do not meet, ``MPIError``, and in one process what `body` throws.
package func withCommunicator<Result>(
  environment: LaunchEnvironment,
  stuckRank: StuckRankLimits,
  warn: @escaping @Sendable (String) -> Void,
  report: @escaping @Sendable (any Error) -> Int32,
  body: (any Communicator) throws -> Result
) throws -> Result {
  guard environment.launcher != nil else { return try body(SingleProcess()) }
  try givingWay(rank: environment.rank) { try environment.checkMeeting(found: nil) }
  guard try givingWay(rank: environment.rank, { try MPILibrary.open(for: environment) }) else {
    return try body(SingleProcess())
  }
  let limit = CallLimit(seconds: stuckRank.startWithin, rank: environment.rank, report: report)
  return try MPICommunicator.run(stuckRank: stuckRank, limit: limit, warn: warn) { communicator in
    try givingWay(rank: environment.rank) { try environment.checkMeeting(found: communicator.size) }
    guard communicator.size > 1 else { return try body(communicator) }
    do {
      return try givingWay(rank: communicator.rank) { try body(communicator) }
    } catch {
      communicator.abort(status: report(error))
    }
  }
}

/// Keeps an error of a rank other than 0 for a second: if rank 0 has the same one, the job is ending by then.
private func givingWay<Result>(rank: Int, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch {
    giveWay(rank: rank)
    throw error
  }
}

func giveWay(rank: Int) {
  guard rank > 0 else { return }
  // The launcher's signal that ends the job is to end the wait too, whoever handled it until now. Open MPI lets stopped
  // ranks go on first, and sends SIGTERM only after odls_base_sigkill_timeout.
  signal(SIGTERM, SIG_DFL)
  signal(SIGCONT) { _ in _exit(1) }
  sleep(1)
}
