import Collectives
import JSON
import Testing
import Training

@Suite("the doctor's judgement")
struct ExaminationTests {
  private func rank(
    _ rank: Int, threads: Int = 1, cpus: [Int], launcher: [Int] = Array(0..<8), host: String = "a"
  ) -> RankFacts {
    var facts = RankFacts()
    facts.rank = rank
    facts.host = host
    facts.hostName = host
    facts.threads = threads
    facts.cpus = cpus
    facts.launcherCPUs = launcher
    return facts
  }

  private func findings(_ ranks: [RankFacts], _ launcher: LaunchEnvironment.Launcher? = .openMPI) -> [Finding] {
    Examination(ranks, launcher: launcher).cores
  }

  @Test("mpirun's binding of one or two ranks to a core each is seen and explained", arguments: [1, 2])
  func bindsSmallJobs(count: Int) throws {
    let found = findings((0..<count).map { rank($0, cpus: [$0]) })
    let binding = try #require(found.first { $0.check == "binding" })
    #expect(binding.status == .warning && binding.text.contains("\(count) of 8 CPUs"), "\(binding)")
    #expect(binding.text.contains("a job of one or two") && binding.remedy.contains("--bind-to none"), "\(binding)")
    #expect(binding.remedy.contains("PE=\(8 / count)"))
  }

  @Test("ranks with all cores are well, whether they share them or not")
  func unbound() {
    for ranks in [
      [rank(0, threads: 4, cpus: Array(0..<8)), rank(1, threads: 4, cpus: Array(0..<8))],
      [rank(0, threads: 4, cpus: Array(0..<4)), rank(1, threads: 4, cpus: Array(4..<8))],
    ] {
      #expect(findings(ranks).map(\.status) == [.ok])
    }
    #expect(findings([rank(0, threads: 8, cpus: Array(0..<8))], nil).map(\.status) == [.ok])
  }

  @Test("the same cores on two hosts are not shared")
  func twoHosts() {
    #expect(
      findings([rank(0, threads: 8, cpus: Array(0..<8)), rank(1, threads: 8, cpus: Array(0..<8), host: "b")])
        .map(\.status) == [.ok])
  }

  @Test("threads that take turns, that are few or that are uneven are told")
  func threads() {
    let crowded = findings((0..<4).map { rank($0, threads: 4, cpus: Array(0..<8)) })
    #expect(crowded.map(\.status) == [.warning])
    #expect(crowded[0].text.contains("16 threads of 4 ranks take turns on 8 CPUs"))
    let idle = findings([rank(0, threads: 2, cpus: Array(0..<8))])
    #expect(idle.contains { $0.status == .warning && $0.remedy.contains("--threads to 8") })
    let uneven = findings([rank(0, threads: 7, cpus: Array(0..<8)), rank(1, threads: 1, cpus: Array(0..<8))])
    #expect(uneven.contains { $0.text.contains("between 1 and 7 threads") })
  }

  @Test("a limit on CPU time below the threads is told")
  func quota() {
    var facts = rank(0, threads: 8, cpus: Array(0..<8))
    facts.quota = 2.5
    let found = findings([facts])
    #expect(found.contains { $0.status == .warning && $0.text.contains("2.5 CPUs") && $0.remedy.contains("to 2") })
  }

  @Test(
    "memory that is missing is a problem, that is scarce a warning, whoever limits it",
    arguments: [
      (8 << 30, nil, Finding.Status.ok), (4 << 30, nil, .problem), (8 << 30, 4 << 30, .problem),
      (6_700_000_000, nil, .warning),
    ] as [(Int, Int?, Finding.Status)])
  func memory(available: Int, limit: Int?, status: Finding.Status) {
    var ranks = [rank(0, cpus: [0]), rank(1, cpus: [1])]
    for index in ranks.indices {
      ranks[index].memoryAvailable = available
      ranks[index].memoryLimit = limit
    }
    let finding = Examination(ranks, launcher: .openMPI).memory { $0 * 3 << 30 }
    #expect(finding.status == status, "\(finding)")
    #expect((finding.status == .ok) == finding.remedy.isEmpty)
  }

  @Test("a small /dev/shm is told where ranks share a host, and only there")
  func sharedMemory() {
    var ranks = (0..<4).map { rank($0, cpus: [$0]) }
    for index in ranks.indices { ranks[index].sharedMemory = 64 << 20 }
    #expect(Examination(ranks, launcher: .openMPI).sharedMemory?.status == .ok)
    for index in ranks.indices { ranks[index].sharedMemory = 10 << 20 }
    #expect(Examination(ranks, launcher: .openMPI).sharedMemory?.status == .problem)
    for index in ranks.indices { ranks[index].sharedMemory = nil }
    #expect(Examination(ranks, launcher: .openMPI).sharedMemory?.status == .problem)
    #expect(Examination([ranks[0]], launcher: .openMPI).sharedMemory == nil)
  }

  @Test("a slow place and a disturbed one are named")
  func products() {
    var ranks = (0..<4).map { rank($0, cpus: [$0]) }
    for index in ranks.indices {
      ranks[index].frozenRates = [1e11]
      ranks[index].trainedRates = [8e10]
    }
    #expect(Examination(ranks, launcher: .openMPI).products.status == .ok)
    ranks[2].frozenRates = [5e10]
    let slow = Examination(ranks, launcher: .openMPI).products
    #expect(slow.status == .warning && slow.text.contains("rank 2 is the slowest"))
    ranks[3].processorShare = 0.5
    let disturbed = Examination(ranks, launcher: .openMPI).products
    #expect(disturbed.status == .warning && disturbed.text.contains("rank 3 had a CPU for only 50 %"))
  }

  @Test("a sum that a step would wait for is told, and one that hides behind the teacher is not")
  func sums() {
    let examination = Examination([rank(0, cpus: [0]), rank(1, cpus: [1])], launcher: .openMPI)
    let rate = SumRate(latency: 1e-4, seconds: 0.1, bytes: 20_000_000, bandwidth: 2e8)
    #expect(examination.sums(rate, step: (hidden: 0.5, total: 0.6)).status == .ok)
    #expect(examination.sums(rate, step: (hidden: 0, total: 0.2)).status == .warning)
    #expect(examination.sums(rate, step: nil).status == .ok)
  }

  @Test("facts pass between ranks as they are")
  func facts() throws {
    var facts = RankFacts(rank: 3, threads: 2, sharedMemory: 5)
    facts.add([])
    #expect(!facts.cpus.isEmpty && !facts.host.isEmpty)
    #expect(RankFacts(json: try JSON.parse(facts.json.bytes())) == facts)
    #expect(RankFacts(json: ["rank": 1]) == nil)
  }
}
