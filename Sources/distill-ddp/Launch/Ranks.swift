import Collectives
import MPICollectives
import Training

/// Runs `body` on every rank of the job with its worker threads. An error ends the job, and is printed by the rank
/// that finds it.
func onEveryRank<Result>(
  threads: Int?, stuckRank: StuckRankLimits = StuckRankLimits(), _ body: (Places) throws -> Result
) throws -> Result {
  let environment = try LaunchEnvironment(variables: environmentVariables())
  return try withCommunicator(
    environment: environment,
    stuckRank: stuckRank,
    warn: { printError("Warning: \($0)") },
    report: { error in
      printError(environment.rank == 0 ? "Error: \(error)" : "Error on rank \(environment.rank): \(error)")
      return 1
    },
    body: { ranks in
      let allotment = try CoreAllotment(requested: threads, among: ranks)
      return try body(Places(pool: WorkerPool(workers: allotment.threads), ranks: ranks))
    })
}
