import Collectives

/// Judges what the ranks of a job have found.
package struct Examination {
  private let hosts: [[RankFacts]]
  private let launcher: LaunchEnvironment.Launcher?
  private let ranks: [RankFacts]

  package init(_ ranks: [RankFacts], launcher: LaunchEnvironment.Launcher?) {
    self.ranks = ranks
    self.launcher = launcher
    var hosts: [[RankFacts]] = []
    for rank in ranks {
      if let index = hosts.firstIndex(where: { $0[0].host == rank.host }) {
        hosts[index].append(rank)
      } else {
        hosts.append([rank])
      }
    }
    self.hosts = hosts
  }

  /// The most ranks that a host has.
  package var ranksOfHost: Int { hosts.map(\.count).max() ?? 1 }
  package var hostCount: Int { hosts.count }

  // MARK: Cores

  /// Whether ranks have the cores that their hosts have.
  package var cores: [Finding] {
    var findings = hosts.flatMap(cores)
    let threads = Set(ranks.map(\.threads))
    if threads.count > 1 {
      findings.append(
        Finding(
          "cores", .warning,
          "ranks have between \(threads.min() ?? 1) and \(threads.max() ?? 1) threads: those with few finish last",
          remedy: "start the same number of ranks on each host, or give --threads"))
    }
    return findings.isEmpty
      ? [
        Finding("cores", .ok, "\(counted(ranks.reduce(0) { $0 + $1.threads }, "thread")), each with a core of its own")
      ]
      : findings
  }

  private func cores(_ host: [RankFacts]) -> [Finding] {
    let used = host.reduce(into: Set<Int>()) { $0.formUnion($1.cpus) }
    let there = host.reduce(into: Set<Int>()) { $0.formUnion($1.launcherCPUs) }.union(used)
    let threads = host.reduce(0) { $0 + $1.threads }
    let name = hosts.count > 1 ? "\(host[0].hostName): " : ""
    var findings: [Finding] = []
    if used.count < there.count {
      let each = max(1, there.count / host.count)
      let reason =
        launcher == .openMPI && ranks.count <= 2
        ? "mpirun binds each rank of a job of one or two to a single core, and its threads share it"
        : "the launcher bound the ranks"
      let remedy =
        launcher == .openMPI
        ? "mpirun --bind-to none …, or --map-by slot:PE=\(each) --bind-to core"
        : "srun --cpus-per-task=\(each) --cpu-bind=none, or the like"
      findings.append(
        Finding(
          "binding", .warning, "\(name)\(used.count) of \(counted(there.count, "CPU")) are used: \(reason)",
          remedy: remedy))
    }
    if threads > used.count {
      findings.append(
        Finding(
          "cores", .warning,
          "\(name)\(counted(threads, "thread")) of \(counted(host.count, "rank")) take turns on "
            + "\(counted(used.count, "CPU"))",
          remedy: host.count >= used.count
            ? "start at most \(counted(used.count, "rank"))"
            : "set --threads to \(used.count / host.count)"))
    } else if let quota = host.compactMap(\.quota).min(), Double(threads) > quota + 0.01 {
      findings.append(
        Finding(
          "cores", .warning,
          "\(name)a control group allows \(fixed(quota, 1)) CPUs at a time, and \(counted(threads, "thread")) need one "
            + "each: they will be throttled",
          remedy: "raise the limit (docker --cpus, cpu.max), or set --threads to \(max(1, Int(quota) / host.count))"))
    } else if 2 * threads <= used.count, host.allSatisfy({ $0.quota == nil }) {
      findings.append(
        Finding(
          "cores", .warning, "\(name)\(counted(threads, "thread")) on \(used.count) CPUs leave most of them idle",
          remedy: "set --threads to \(used.count / host.count), or leave it and run.threads out"))
    }
    return findings
  }

  // MARK: Memory

  /// - Parameter needed: bytes that ranks of one host need together, by their number.
  package func memory(needed: (Int) -> Int) -> Finding {
    var worst = Finding("memory", .ok, "the kernel does not report how much memory there is")
    var least = Double.infinity
    let alone = needed(1)
    if let limit = hosts.joined().compactMap(\.processLimit).min(), limit < alone {
      return Finding(
        "memory", .problem, "a rank needs about \(gigabytes(alone)), and ulimit -v or -d leaves it \(gigabytes(limit))",
        remedy: "ulimit -v unlimited -d unlimited, before the ranks are started")
    }
    for host in hosts {
      let bytes = needed(host.count)
      let available = host.compactMap(\.memoryAvailable).min()
      let limit = host.compactMap(\.memoryLimit).min()
      guard let there = [available, limit].compactMap({ $0 }).min() else { continue }
      let share = Double(there) / Double(max(1, bytes))
      guard share < least else { continue }
      least = share
      let source = limit.map { $0 == there ? "a control group allows" : "are available" } ?? "are available"
      let text =
        "each host needs about \(gigabytes(bytes)) for \(counted(host.count, "rank")), and \(gigabytes(there)) \(source)"
      worst =
        share < 1
        ? Finding(
          "memory", .problem, text,
          remedy:
            "start fewer ranks on each host, lower training.batchSize, or raise the limit (docker --memory, sbatch --mem)"
        )
        : share < 1.15
          ? Finding("memory", .warning, text, remedy: "leave some free: the files that are read need memory too")
          : Finding("memory", .ok, text)
    }
    return worst
  }

  /// What MPI passes messages through between ranks of one host.
  package var sharedMemory: Finding? {
    guard let host = hosts.filter({ $0.count > 1 }).max(by: { $0.count < $1.count }) else { return nil }
    // Open MPI maps 4 MiB a rank, and a little for the job.
    let needed = host.count * 5 << 20
    guard let free = host.compactMap(\.sharedMemory).min() else {
      return Finding(
        "/dev/shm", .problem, "it is missing, and ranks on one host communicate through it",
        remedy: "mount a tmpfs there, or mpirun --mca btl_vader_backing_directory /tmp")
    }
    let text = "\(gigabytes(free)) free, \(counted(host.count, "rank")) take about \(gigabytes(needed))"
    guard free < 2 * needed else { return Finding("/dev/shm", .ok, text) }
    return Finding(
      "/dev/shm", free < needed ? .problem : .warning, text,
      remedy: "docker run --shm-size=1g, or mpirun --mca btl_vader_backing_directory /tmp")
  }

  // MARK: Speed

  /// The measured rates of products, and whether all places are alike.
  package var products: Finding {
    let places = ranks.flatMap { rank in rank.frozenRates.map { (rank: rank.rank, rate: $0) } }
    let sorted = places.map(\.rate).sorted()
    guard let slowest = places.min(by: { $0.rate < $1.rate }), let fastest = sorted.last else {
      return Finding("products", .ok, "not measured")
    }
    let median = sorted[sorted.count / 2]
    let trained = ranks.flatMap(\.trainedRates).sorted()
    let trainedMedian = trained.isEmpty ? 0 : trained[trained.count / 2]
    let text =
      "\(fixed(median / 1e9, 0)) GFLOP/s a core for a teacher, \(fixed(trainedMedian / 1e9, 0)) for a student "
      + "(\(fixed(slowest.rate / 1e9, 0)) to \(fixed(fastest / 1e9, 0)) over \(counted(places.count, "core")))"
    if let busy = ranks.min(by: { $0.processorShare < $1.processorShare }), busy.processorShare < 0.85 {
      return Finding(
        "products", .warning,
        "\(text); a thread of rank \(busy.rank) had a CPU for only \(fixed(100 * busy.processorShare, 0)) % of the time",
        remedy: "stop other processes there, and make sure that no two threads share a core")
    }
    guard slowest.rate < 0.75 * median else { return Finding("products", .ok, text) }
    return Finding(
      "products", .warning, "\(text); rank \(slowest.rank) is the slowest, and all others wait for it",
      remedy: "check what else runs on its host, and whether its processor is a slower model or is throttled")
  }

  /// The measured sum over ranks.
  ///
  /// - Parameter hidden: seconds of a step in which the workers have something else to do, and seconds of the step;
  ///   `nil` where no configuration says.
  package func sums(_ rate: SumRate, step: (hidden: Double, total: Double)?) -> Finding {
    let text =
      "\(fixed(rate.latency * 1e6, 0)) µs for a number, \(fixed(rate.seconds * 1e3, 1)) ms for "
      + "\(fixed(Double(rate.bytes) / 1e6, 0)) MB of gradients (\(fixed(rate.bandwidth / 1e9, 2)) GB/s a rank)"
    guard let step else { return Finding("sums", .ok, text) }
    let exposed = max(0, rate.seconds - step.hidden)
    guard exposed > 0.1 * step.total else {
      return Finding("sums", .ok, "\(text), of which a step waits for \(fixed(exposed * 1e3, 1)) ms")
    }
    return Finding(
      "sums", .warning,
      "\(text): a step would wait \(fixed(exposed * 1e3, 0)) ms beside \(fixed(step.total * 1e3, 0)) ms of computing",
      remedy: hosts.count > 1
        ? "raise training.batchSize, start one rank on each host, or choose the fast network (--mca btl_tcp_if_include NAME)"
        : "raise training.batchSize, or start fewer ranks with more threads")
  }

  private func gigabytes(_ bytes: Int) -> String {
    bytes < 1_000_000_000 ? "\(fixed(Double(bytes) / 1e6, 0)) MB" : "\(fixed(Double(bytes) / 1e9, 1)) GB"
  }

  private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}
