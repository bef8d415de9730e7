import Collectives
import FoundationEssentials
import Glibc
import JSON
import Limits

/// What one rank sees of its machine.
package struct RankFacts: Sendable, Equatable {
  package var rank = 0
  /// Tells the kernels of hosts apart.
  package var host = ""
  package var hostName = ""
  package var threads = 1
  /// The CPUs it may run on.
  package var cpus: [Int] = []
  /// Those its launcher may run on, which says whether it was the launcher that bound it.
  package var launcherCPUs: [Int] = []
  /// CPUs that a control group allows to be used at a time.
  package var quota: Double?
  package var memoryAvailable: Int?
  /// What a control group leaves.
  package var memoryLimit: Int?
  /// What limits on this process alone leave, by `ulimit -v` or `ulimit -d`.
  package var processLimit: Int?
  /// Free in `/dev/shm`; `nil` where there is none.
  package var sharedMemory: Int?
  /// Of each worker, in operations a second.
  package var frozenRates: [Double] = []
  package var trainedRates: [Double] = []
  /// The smallest share of the measurement in which a worker had a processor.
  package var processorShare = 1.0

  package init() {}

  static var ownHostName: String {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Asks this process's system. Rates are measured elsewhere.
  package init(rank: Int, threads: Int, sharedMemory: Int?) {
    let own = HostCPUs.ofThisProcess()
    self.rank = rank
    self.threads = threads
    self.sharedMemory = sharedMemory
    host = own.host
    cpus = own.cpus.sorted()
    let launcher = (try? String(contentsOfFile: "/proc/\(getppid())/status", encoding: .utf8)) ?? ""
    launcherCPUs = (HostCPUs.schedulable(status: launcher) ?? []).sorted()
    hostName = Self.ownHostName
    quota = ControlGroup.quota()
    let limits = MemoryLimit.all()
    func left(_ kinds: MemoryLimit.Kind...) -> Int? { limits.filter { kinds.contains($0.kind) }.map(\.left).min() }
    memoryAvailable = left(.machine)
    memoryLimit = left(.controlGroup)
    processLimit = left(.addressSpace, .data)
  }

  package mutating func add(_ rates: [ProductRate]) {
    frozenRates = rates.map(\.frozen)
    trainedRates = rates.map(\.trained)
    processorShare = rates.map(\.processorShare).min() ?? 1
  }

  // MARK: Between ranks

  /// Collective: everybody's, in the order of ranks, on rank 0.
  package func gathered(among ranks: any Communicator) throws -> [RankFacts]? {
    try ranks.gather(json.bytes(), to: 0)?.map { bytes in
      guard let facts = RankFacts(json: try JSON.parse(bytes)) else {
        throw ModelError("ranks: expected their facts, found something else; run the same program on every rank")
      }
      return facts
    }
  }

  package var json: JSON {
    func number(_ value: Int?) -> JSON { value.map(JSON.integer) ?? .null }
    return [
      "rank": .integer(rank), "host": .string(host), "host_name": .string(hostName), "threads": .integer(threads),
      "cpus": .array(cpus.map(JSON.integer)), "launcher_cpus": .array(launcherCPUs.map(JSON.integer)),
      "quota": quota.map(JSON.number) ?? .null, "memory_available": number(memoryAvailable),
      "memory_limit": number(memoryLimit), "process_limit": number(processLimit), "shared_memory": number(sharedMemory),
      "frozen_products": .array(frozenRates.map(JSON.number)),
      "trained_products": .array(trainedRates.map(JSON.number)), "processor_share": .number(processorShare),
    ]
  }

  package init?(json: JSON) {
    guard let rank = json["rank"]?.int, let host = json["host"]?.string, let name = json["host_name"]?.string,
      let threads = json["threads"]?.int, let cpus = json["cpus"]?.array, let others = json["launcher_cpus"]?.array,
      let share = json["processor_share"]?.double
    else { return nil }
    self.rank = rank
    self.host = host
    hostName = name
    self.threads = threads
    self.cpus = cpus.compactMap(\.int)
    launcherCPUs = others.compactMap(\.int)
    quota = json["quota"]?.double
    memoryAvailable = json["memory_available"]?.int
    memoryLimit = json["memory_limit"]?.int
    processLimit = json["process_limit"]?.int
    sharedMemory = json["shared_memory"]?.int
    frozenRates = (json["frozen_products"]?.array ?? []).compactMap(\.double)
    trainedRates = (json["trained_products"]?.array ?? []).compactMap(\.double)
    processorShare = share
  }
}
