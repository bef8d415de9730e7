import Collectives
import Kernels
import Testing

@testable import Training

@Suite struct WeightAgreement {
  /// Rank 0 of three, the others of which say what they are told to.
  private struct Scripted: Communicator {
    let others: [[UInt8]?]
    let rank = 0
    var size: Int { others.count + 1 }
    let localRank = 0
    let localSize = 1
    func sum(_ values: inout [Double]) {}
    func exchange(
      send: [(to: Int, bytes: UnsafeRawBufferPointer)], receive: [(from: Int, bytes: UnsafeMutableRawBufferPointer)]
    ) {}
    func broadcast(_ bytes: inout [UInt8], from root: Int) {}
    /// `nil` answers as rank 0 does.
    func gather(_ bytes: [UInt8], to root: Int) -> [[UInt8]]? { [bytes] + others.map { $0 ?? bytes } }
    func barrier() {}
    func abort(status: Int32) -> Never { preconditionFailure("a test does not abort") }
  }

  private func require(_ others: [[UInt8]?]) throws {
    var layout = ParameterLayout()
    _ = layout.add("weight", [3, 5], decays: true)
    try RankAgreement.require(
      weights: ParameterBuffer(layout), stage: "mix", step: 12,
      places: Places(pool: WorkerPool(workers: 1), ranks: Scripted(others: others)))
  }

  @Test("ranks with other weights are named")
  func drift() throws {
    try require([nil, nil])
    let one = #expect(throws: ModelError.self) { try require([nil, Array("other".utf8)]) }
    #expect(one?.description.hasPrefix("stage mix, step 12: the weights of rank 2 differ from those of rank 0") == true)
    let both = #expect(throws: ModelError.self) { try require([[1], [2]]) }
    #expect(both?.description.contains("the weights of ranks 1, 2 differ") == true)
  }
}
