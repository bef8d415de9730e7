import Limits

/// The CPUs a rank may use and how many worker threads that makes.
package struct CoreAllotment: Sendable, Equatable {
  /// The number of worker threads of this rank, at least 1.
  package let threads: Int
  /// Whether each of them has a core that no other rank counts on.
  package let hasOwnCores: Bool

  /// - Parameters:
  ///   - requested: the number of threads asked for, which settles it.
  ///   - affinity: the CPUs this rank may run on.
  ///   - neighbours: the same of every rank on this host, this one included. A CPU counts in equal parts to all that may
  ///     run on it: ranks bound to distinct cores keep all of theirs, ranks that roam the same ones share them.
  ///   - quota: the CPU time the ranks of this host have together, in CPUs, where a control group limits it.
  ///   - localSize: how many ranks share `quota`.
  package init(requested: Int?, affinity: Set<Int>, neighbours: [Set<Int>], quota: Double?, localSize: Int) {
    var cores = affinity.reduce(0.0) { sum, cpu in
      sum + 1 / Double(max(1, neighbours.count { $0.contains(cpu) }))
    }
    if let quota { cores = min(cores, quota / Double(localSize)) }
    if let requested {
      precondition(requested > 0, "threads: expected 1 or more, found \(requested)")
      threads = requested
      hasOwnCores = Double(requested) <= cores + 1e-6
      return
    }
    // A throttled thread holds up every rank, so that a fraction of a core is not worth a thread. Thirds must add up.
    threads = max(1, Int(cores + 1e-6))
    hasOwnCores = cores + 1e-6 >= 1
  }

  /// Asks the system, and the other ranks of the same host. Collective, whether or not threads are `requested`, which
  /// may differ between ranks.
  package init(requested: Int?, among ranks: any Communicator) throws {
    let own = HostCPUs.ofThisProcess()
    let gathered = try ranks.gather(own.encoded, to: 0)
    var joined = Array((gathered ?? []).joined(separator: [HostCPUs.separator]))
    try ranks.broadcast(&joined, from: 0)
    let neighbours = joined.split(separator: HostCPUs.separator).map { HostCPUs(encoded: $0) }
      .filter { $0.host == own.host }
    self.init(
      requested: requested, affinity: own.cpus, neighbours: neighbours.map(\.cpus), quota: ControlGroup.quota(),
      localSize: ranks.localSize)
  }
}
