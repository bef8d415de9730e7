import Collectives
import Testing

@testable import Training

/// What ranks do together besides sums, as threads of the test.
@Suite struct RanksTogether {
  @Test("gathering and broadcasting bytes of different lengths, from any rank")
  func bytes() throws {
    for root in 0..<3 {
      let results = try ThreadRanks.run(3) { ranks in
        let gathered = try ranks.gather([UInt8](repeating: UInt8(ranks.rank), count: 2 * ranks.rank), to: root)
        var bytes = [UInt8](repeating: UInt8(ranks.rank), count: ranks.rank)
        try ranks.broadcast(&bytes, from: root)
        return (gathered, bytes)
      }
      #expect(results[root].0 == [[], [1, 1], [2, 2, 2, 2]])
      #expect(results.enumerated().allSatisfy { $0 == root || $1.0 == nil })
      #expect(results.allSatisfy { $0.1 == [UInt8](repeating: UInt8(root), count: root) })
    }
  }

  @Test("predictions are the same bits on any number of ranks and workers", arguments: [(1, 7), (2, 1), (3, 2)])
  func evaluation(size: Int, workers: Int) throws {
    let workspace = try RunWorkspace()
    let configuration = try workspace.configuration("run")
    defer { withExtendedLifetime(workspace) {} }
    @Sendable func predictions(_ ranks: any Communicator, workers: Int) throws -> Predictions? {
      let inputs = try RunInputs(configuration, threads: 1)
      return try inputs.student.predict(
        #require(inputs.validation), places: Places(pool: WorkerPool(workers: workers), ranks: ranks))
    }
    let alone = try #require(try predictions(SingleProcess(), workers: 1))
    let together = try ThreadRanks.run(size) { try predictions($0, workers: workers) }
    #expect(together[0]?.logits == alone.logits && together[0]?.loss == alone.loss)
    #expect(together.dropFirst().allSatisfy { $0 == nil })
  }

  @Test("ranks that read other data, or are told to do something else, are named by rank 0")
  func agreement() throws {
    func difference(_ identity: @escaping @Sendable (Int) throws -> RunIdentity) throws -> [String?] {
      try ThreadRanks.run(3) { ranks in
        do {
          try RankAgreement.require(identity(ranks.rank), among: ranks)
          return nil
        } catch {
          return "\(error)"
        }
      }
    }
    let same = try difference { _ in try RunIdentity(command: "predict", options: [("--output", "a")]) }
    #expect(same == [nil, nil, nil])
    let other = try difference { try RunIdentity(command: "predict", options: [("--output", $0 == 1 ? "b" : "a")]) }
    #expect(other[0]?.contains("\n  --output: rank 1 differs\n") == true && other[1] == nil)
    let commands = try difference { try RunIdentity(command: $0 == 0 ? "predict" : "evaluate", options: []) }
    #expect(commands[0]?.contains("\n  the command: ranks 1, 2 differ\n") == true)
  }
}
