import FoundationEssentials
import Glibc

/// The CPUs a rank may use and how many worker threads that makes.
package struct CoreAllotment: Sendable, Equatable {
  /// The number of worker threads of this rank, at least 1.
  package let threads: Int

  /// - Parameters:
  ///   - requested: the number of threads asked for, which settles it.
  ///   - affinity: the CPUs this rank may run on.
  ///   - neighbours: the same of every rank on this host, this one included. A CPU counts in equal parts to all that may
  ///     run on it: ranks bound to distinct cores keep all of theirs, ranks that roam the same ones share them.
  ///   - quota: the CPU time the ranks of this host have together, in CPUs, where a control group limits it.
  ///   - localSize: how many ranks share `quota`.
  package init(requested: Int?, affinity: Set<Int>, neighbours: [Set<Int>], quota: Double?, localSize: Int) {
    if let requested {
      precondition(requested > 0, "threads: expected 1 or more, found \(requested)")
      threads = requested
      return
    }
    var cores = affinity.reduce(0.0) { sum, cpu in
      sum + 1 / Double(max(1, neighbours.count { $0.contains(cpu) }))
    }
    if let quota { cores = min(cores, quota / Double(localSize)) }
    // A throttled thread holds up every rank, so that a fraction of a core is not worth a thread. Thirds must add up.
    threads = max(1, Int(cores + 1e-6))
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

/// The CPUs of one rank, and the running kernel that numbers them: containers of one machine share its numbering.
struct HostCPUs: Equatable {
  let host: String
  let cpus: Set<Int>

  static let separator = UInt8(ascii: "\n")

  init(host: String, cpus: Set<Int>) {
    self.host = host
    self.cpus = cpus
  }

  static func ofThisProcess() -> HostCPUs {
    let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    return HostCPUs(
      host: boot.map { String($0.filter { !$0.isWhitespace }) } ?? "unknown",
      cpus: schedulable(status: status) ?? Set(0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
  }

  /// The CPUs the scheduler may run a process on, from its `/proc/…/status`: `Cpus_allowed_list: 0-3,8`.
  static func schedulable(status: String) -> Set<Int>? {
    let key = "Cpus_allowed_list:"
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else { return nil }
    var cpus = Set<Int>()
    for range in line.dropFirst(key.count).split(separator: ",") {
      let ends = range.filter { !$0.isWhitespace }.split(separator: "-").map { Int($0) }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else { return nil }
      cpus.formUnion(first...last)
    }
    return cpus.isEmpty ? nil : cpus
  }

  /// `host cpu cpu …`, without a line break.
  var encoded: [UInt8] { Array(([host] + cpus.sorted().map(String.init)).joined(separator: " ").utf8) }

  init(encoded: some Collection<UInt8>) {
    let words = String(decoding: encoded, as: UTF8.self).split(separator: " ")
    host = words.first.map(String.init) ?? ""
    cpus = Set(words.dropFirst().compactMap { Int($0) })
  }
}

/// The limit on CPU time that a control group (version 2) sets, as containers and batch systems use it.
enum ControlGroup {
  /// The smallest quota of this process's group and those above it, in CPUs; `nil` without one.
  static func quota() -> Double? {
    guard let membership = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8) else { return nil }
    let quotas = folders(membership: membership).compactMap { folder in
      (try? String(contentsOfFile: folder + "/cpu.max", encoding: .utf8)).flatMap(quota(limit:))
    }
    return quotas.min()
  }

  /// The folders of a group and its ancestors, from what `/proc/self/cgroup` says: `0::/a/b`.
  static func folders(membership: String) -> [String] {
    guard let line = membership.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else { return [] }
    let names = line.dropFirst(3).split(separator: "/")
    return (0...names.count).map { (["/sys/fs/cgroup"] + names.prefix($0)).joined(separator: "/") }
  }

  /// A limit in CPUs from `cpu.max`, `$QUOTA $PERIOD` in microseconds or `max $PERIOD`.
  static func quota(limit: String) -> Double? {
    let fields = limit.split(whereSeparator: \.isWhitespace).map { Double($0) }
    guard fields.count == 2, let quota = fields[0], let period = fields[1], quota > 0, period > 0 else { return nil }
    return quota / period
  }
}
