import Collectives
import Limits
import Testing

@Suite struct CoreAllotmentTests {
  struct Host: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var requested: Int?
    let affinity: Set<Int>
    let others: [Set<Int>]
    var quota: Double?
    let threads: Int

    init(
      _ description: String, requested: Int? = nil, affinity: Set<Int>, others: [Set<Int>] = [], quota: Double? = nil,
      threads: Int
    ) {
      testDescription = description
      self.requested = requested
      self.affinity = affinity
      self.others = others
      self.quota = quota
      self.threads = threads
    }
  }

  @Test(
    arguments: [
      Host("alone", affinity: [0, 1, 2, 3], threads: 4),
      Host("asked for", requested: 7, affinity: [0, 1], threads: 7),
      Host("same cores", affinity: [0, 1, 2, 3], others: [[0, 1, 2, 3]], threads: 2),
      Host("same cores, uneven", affinity: [0, 1, 2, 3, 4], others: [[0, 1, 2, 3, 4]], threads: 2),
      Host(
        "three thirds are one", affinity: [0, 1, 2],
        others: [[0, 1, 2], [0, 1, 2]], threads: 1),
      Host("more ranks than cores", affinity: [0, 1], others: [[0, 1], [0, 1], [0, 1]], threads: 1),
      Host("bound to their own", affinity: [4, 5, 6], others: [[0, 1, 2], [7, 8]], threads: 3),
      Host("bound to one, as mpirun -np 2 does", affinity: [1], others: [[0]], threads: 1),
      Host("overlapping in part", affinity: [0, 1, 2, 3], others: [[2, 3, 4, 5]], threads: 3),
      Host("quota below the cores", affinity: [0, 1, 2, 3], quota: 2, threads: 2),
      Host("quota above the cores", affinity: [0, 1], quota: 16, threads: 2),
      Host("quota shared", affinity: [0, 1, 2, 3, 4, 5, 6, 7], others: [[9]], quota: 6, threads: 3),
      Host("half a core", affinity: [0, 1], quota: 0.5, threads: 1),
      Host("asked for, above the quota", requested: 3, affinity: [0, 1], quota: 1, threads: 3),
    ])
  func threads(host: Host) {
    let allotment = CoreAllotment(
      requested: host.requested, affinity: host.affinity, neighbours: [host.affinity] + host.others,
      quota: host.quota, localSize: 1 + host.others.count)
    #expect(allotment.threads == host.threads)
  }

  @Test(
    "a rank has cores of its own where its threads are no more than its part of them",
    arguments: [
      (nil, 1, nil, true), (nil, 2, nil, true), (nil, 3, nil, false), (1, 2, nil, true), (2, 2, nil, false),
      (2, 1, nil, true), (nil, 2, 1.0, false), (nil, 2, 2.0, true),
    ] as [(Int?, Int, Double?, Bool)])
  func ownCores(requested: Int?, ranks: Int, quota: Double?, expected: Bool) {
    let allotment = CoreAllotment(
      requested: requested, affinity: [0, 1], neighbours: Array(repeating: [0, 1], count: ranks), quota: quota,
      localSize: ranks)
    #expect(allotment.hasOwnCores == expected)
  }

  @Test func everyCoreIsHandedOutOnceAtMost() {
    let masks: [Set<Int>] = [[0, 1, 2, 3], [2, 3], [3, 4, 5], [5], [0, 1, 2, 3, 4, 5, 6, 7]]
    let cores = masks.reduce(into: Set<Int>()) { $0.formUnion($1) }
    let total = masks.map {
      CoreAllotment(requested: nil, affinity: $0, neighbours: masks, quota: nil, localSize: masks.count).threads
    }.reduce(0, +)
    #expect(total <= cores.count)
  }

  @Test func aSingleProcessFindsItsOwnCores() throws {
    #expect(try CoreAllotment(requested: nil, among: SingleProcess()).threads >= 1)
    #expect(try CoreAllotment(requested: 5, among: SingleProcess()).threads == 5)
    let own = HostCPUs.ofThisProcess()
    #expect(!own.cpus.isEmpty)
    #expect(HostCPUs(encoded: own.encoded) == own)
  }

  @Test(arguments: [
    ("Name:\tx\nCpus_allowed:\tf0f\nCpus_allowed_list:\t0-3,8-11\nMems_allowed:\t1\n", [0, 1, 2, 3, 8, 9, 10, 11]),
    ("Cpus_allowed_list:\t5\n", [5]),
    ("Cpus_allowed_list:\t\n", nil),
    ("Cpus_allowed_list:\t3-1\n", nil),
    ("Cpus_allowed_list:\tx\n", nil),
    ("", nil),
  ])
  func affinityIsReadFromTheProcessStatus(status: String, cpus: [Int]?) {
    #expect(HostCPUs.schedulable(status: status) == cpus.map(Set.init))
  }

  @Test(arguments: [
    ("200000 100000\n", 2), ("150000 100000", 1.5), ("max 100000\n", nil), ("", nil), ("0 0", nil), ("-1 100000", nil),
  ])
  func quotaIsReadFromTheControlGroup(limit: String, quota: Double?) {
    #expect(ControlGroup.quota(limit: limit) == quota)
  }

  @Test(arguments: [
    ("0::/\n", ["/sys/fs/cgroup"]),
    (
      "1:cpu:/x\n0::/system.slice/job_7\n",
      ["/sys/fs/cgroup", "/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/system.slice/job_7"]
    ),
    ("4:memory:/x\n", []),
  ])
  func quotasOfTheGroupAndThoseAboveItCount(membership: String, folders: [String]) {
    #expect(ControlGroup.folders(membership: membership) == folders)
  }
}
