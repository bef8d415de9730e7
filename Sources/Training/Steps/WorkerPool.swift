import Collectives
import Kernels
import Limits
import Synchronization

/// A rank's worker threads. Work is handed out by index, and nothing runs between calls.
package struct WorkerPool: Sendable {
  package let workers: Int

  package init(workers: Int) {
    precondition(workers > 0)
    self.workers = workers
  }

  /// Calls `body` once for each worker, from 0, and waits for all.
  package func run(_ body: @Sendable (Int) -> Void) {
    if workers == 1 { return withDenormalsFlushed { body(0) } }
    concurrently(workers) { worker in withDenormalsFlushed { body(worker) } }
  }

  /// Calls `body` with a worker and an index for every index, each worker taking the next as soon as it is free.
  package func share(_ indices: Range<Int>, _ body: @Sendable (_ worker: Int, _ index: Int) -> Void) {
    let next = Atomic(indices.lowerBound)
    run { worker in
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < indices.upperBound else { return }
        body(worker, index)
      }
    }
  }

  /// The same for passes: where they are fewer than workers, those left over join in.
  ///
  /// - Parameter arenas: of the workers.
  func share(
    _ passes: Range<Int>, arenas: [Worker],
    _ body: @Sendable (_ arena: Arena, _ index: Int, _ team: PassTeam?) -> Void
  ) {
    guard !passes.isEmpty, passes.count < workers else {
      return share(passes) { worker, index in body(arenas[worker].arena, index, nil) }
    }
    let teams = passes.indices.map { index in
      PassTeam(size: (workers - index + passes.lowerBound + passes.count - 1) / passes.count)
    }
    run { worker in
      let (arena, team) = (arenas[worker].arena, teams[worker % passes.count])
      guard worker < passes.count else { return team.help(arena: arena) }
      body(arena, passes.lowerBound + worker, team)
      team.end()
    }
  }

  /// Calls `body` for every index, each worker taking every `workers`-th.
  package func forEach(_ indices: Range<Int>, _ body: @Sendable (Int) -> Void) {
    run { worker in
      for index in stride(from: indices.lowerBound + worker, to: indices.upperBound, by: workers) { body(index) }
    }
  }
}

extension WorkerPool {
  /// Packs weights that have changed.
  func pack(_ weights: PackedWeights) { forEach(0..<weights.count) { weights.pack($0) } }
}

/// The worker threads of all ranks, numbered through: the places where micro-batches run.
package struct Places: Sendable {
  package let pool: WorkerPool
  package let ranks: any Communicator
  private let workersByRank: [Int]

  /// Collective: ranks may have different numbers of workers.
  package init(pool: WorkerPool, ranks: any Communicator) throws {
    self.pool = pool
    self.ranks = ranks
    var workers = [Double](repeating: 0, count: ranks.size)
    workers[ranks.rank] = Double(pool.workers)
    try ranks.sum(&workers)
    workersByRank = workers.map { Int($0) }
  }

  package var count: Int { workersByRank.reduce(0, +) }

  /// The place of a worker of a rank.
  func place(rank: Int, worker: Int) -> Int { workersByRank[..<rank].reduce(0, +) + worker }

  func workers(ofRank rank: Int) -> Int { workersByRank[rank] }
}
