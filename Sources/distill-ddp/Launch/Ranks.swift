import Collectives
import Kernels
import Limits
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
      try requireMatrixProduct()
      let allotment = try CoreAllotment(requested: threads, among: ranks)
      try WorkerThreads.check(allotment.threads)
      ranks.waitEagerly(allotment.hasOwnCores)
      return try body(Places(pool: WorkerPool(workers: allotment.threads), ranks: ranks))
    })
}

/// Runs `body` for what one process does alone: of several ranks on the first, which says so.
func onFirstRank(_ body: () throws -> Void) throws {
  let environment = try LaunchEnvironment(variables: environmentVariables())
  guard environment.rank == 0 else { return }
  if let size = environment.size, size > 1 {
    printError("Note: this command works on rank 0 alone, by its own options; the other ranks do nothing")
  }
  try body()
}

/// The same with worker threads.
func onFirstRank(threads: Int?, _ body: (WorkerPool) throws -> Void) throws {
  try onFirstRank {
    try requireMatrixProduct()
    let allotment = try CoreAllotment(requested: threads, among: SingleProcess())
    try WorkerThreads.check(allotment.threads)
    try body(WorkerPool(workers: allotment.threads))
  }
}
