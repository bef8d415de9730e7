#if MPI
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

    /// The name of the file it runs.
    private var program: Substring? {
      guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/exe") else { return nil }
      return path.split(separator: "/").last
    }

    private func variable(_ name: String) -> String? {
      guard let contents = try? Data(contentsOf: URL(filePath: "/proc/\(id)/environ")) else { return nil }
      let prefix = Array("\(name)=".utf8)
      return contents.split(separator: 0).first { $0.starts(with: prefix) }.map {
        String(decoding: $0.dropFirst(prefix.count), as: UTF8.self)
      }
    }

    /// The nearest process above this one that starts Open MPI's ranks: `mpirun`, or on other hosts its daemon.
    static var launcher: HostProcess? {
      var process = HostProcess(id: getpid()).parent
      while let found = process {
        if ["orterun", "mpirun", "orted", "prterun", "prted"].contains(found.program) { return found }
        process = found.parent
      }
      return nil
    }

    /// The stopped ranks of this process's job on this host, in order.
    static var stoppedRanks: [(rank: Int, process: HostProcess)] {
      let job = "PMIX_NAMESPACE"
      let own = HostProcess(id: getpid()).variable(job)
      let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
      return names.compactMap { pid_t($0) }.map(HostProcess.init).compactMap { process in
        guard process.isStopped, let own, process.variable(job) == own,
          let rank = process.variable("OMPI_COMM_WORLD_RANK").flatMap({ Int($0) })
        else { return nil }
        return (rank, process)
      }.sorted { $0.rank < $1.rank }
    }
  }
#endif
