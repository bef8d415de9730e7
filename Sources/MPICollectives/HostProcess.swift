import FoundationEssentials
import Glibc

/// A process of this host, as `/proc` shows it.
struct HostProcess {
  let id: pid_t

  /// Its state and its parent, the third and fourth field of `stat`, behind a name that may hold anything.
  private var fields: [Substring] {
    guard let text = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
      let name = text.lastIndex(of: ")")
    else { return [] }
    return text[text.index(after: name)...].split(separator: " ", maxSplits: 2)
  }

  var isStopped: Bool { fields.first == "T" }

  var parent: HostProcess? {
    let fields = fields
    guard fields.count > 1, let id = pid_t(fields[1]), id > 1 else { return nil }
    return HostProcess(id: id)
  }

  /// The file it runs.
  private var path: [Substring] {
    let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/exe")
    return path?.split(separator: "/") ?? []
  }

  /// Where that is installed: `/opt/openmpi` of `/opt/openmpi/bin/orterun`.
  var prefix: String? {
    let path = path
    guard path.count > 2, path[path.count - 2] == "bin" else { return nil }
    return "/" + path.dropLast(2).joined(separator: "/")
  }

  private func variable(_ name: String) -> String? {
    guard let contents = try? Data(contentsOf: URL(filePath: "/proc/\(id)/environ")) else { return nil }
    let prefix = Array("\(name)=".utf8)
    return contents.split(separator: 0).first { $0.starts(with: prefix) }.map {
      String(decoding: $0.dropFirst(prefix.count), as: UTF8.self)
    }
  }

  /// The nearest process above this one that starts ranks: Open MPI's or MPICH's `mpirun`, or the daemon that it has on
  /// each host.
  static var launcher: HostProcess? {
    var process = HostProcess(id: getpid()).parent
    while let found = process {
      if let program = found.path.last, programs.contains(program) { return found }
      process = found.parent
    }
    return nil
  }

  private static let programs: Set<Substring> = [
    "orterun", "mpirun", "orted", "prterun", "prted", "mpiexec.hydra", "hydra_pmi_proxy",
  ]

  /// The stopped ranks of this process's job on this host, in order.
  static var stoppedRanks: [(rank: Int, process: HostProcess)] {
    guard let own = HostProcess(id: getpid()).job else { return [] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { pid_t($0) }.map(HostProcess.init).compactMap { process in
      guard process.isStopped, process.job == own, let rank = process.rank else { return nil }
      return (rank, process)
    }.sorted { $0.rank < $1.rank }
  }

  /// What the ranks of a job on one host have in common: PMIx's name for it, or MPICH's daemon, which starts them.
  private var job: String? {
    if let name = variable("PMIX_NAMESPACE") { return name }
    guard variable("PMI_RANK") != nil, let parent else { return nil }
    return "process \(parent.id)"
  }

  private var rank: Int? { (variable("OMPI_COMM_WORLD_RANK") ?? variable("PMI_RANK")).flatMap { Int($0) } }
}
