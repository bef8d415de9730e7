import Collectives
import Dispatch
import Encoders
import Kernels
import Synchronization
import Testing

@testable import Training

/// How many messages and bytes one rank of many sends for a sum, counted on the real code, without its peers.
struct SumMessagesTests {
  /// Counts what is sent. Nothing arrives.
  private final class Counting: Communicator {
    struct Count: Sendable {
      var messages = 0
      var bytes = 0
      var partners: Set<Int> = []
    }

    let rank: Int
    let size: Int
    let localRank = 0
    let localSize = 1
    private let count = Mutex(Count())

    init(rank: Int, size: Int) { (self.rank, self.size) = (rank, size) }

    var sent: Count { count.withLock { $0 } }

    func exchange(
      send: [(to: Int, bytes: UnsafeRawBufferPointer)], receive: [(from: Int, bytes: UnsafeMutableRawBufferPointer)]
    ) {
      count.withLock { count in
        for (to, bytes) in send {
          count.messages += 1
          count.bytes += bytes.count
          count.partners.insert(to)
        }
      }
    }

    func abort(status: Int32) -> Never { preconditionFailure("nobody aborts") }
  }

  /// What a rank sends to sum `values` numbers, in chunks of 4,096.
  private func sent(rank: Int, size: Int, values: Int) throws -> Counting.Count {
    var layout = ParameterLayout()
    let slot = layout.add("weight", [values], decays: true)
    let gradient = ParameterBuffer(layout)
    let ranks = Counting(rank: rank, size: size)
    let tree = SummationTree(leaves: size)
    let plan = GradientSum.Plan(
      segments: GradientSegments(segments: [
        .init(start: 0, ranges: [slot.offset..<slot.offset + values], pending: DispatchGroup())
      ]),
      rounds: SummationRounds(rank: rank, nodes: (0..<size).map { [tree.leaf($0)] }, tree: tree),
      shares: (0..<size).map { $0..<$0 + 1 })
    let figures = UnsafeMutableBufferPointer<Double>.allocate(capacity: size)
    figures.initialize(repeating: 0)
    defer { figures.deallocate() }
    let sum = GradientSum(ranks: ranks, precision: .float32, leastInPlace: 1, chunkLength: 4096)
    sum.start(plan, into: gradient, figures: figures) { _ in [gradient] }
    try sum.finish()
    return ranks.sent
  }

  @Test(
    "messages grow with the logarithm of the ranks, and bytes hardly",
    arguments: [2, 3, 4, 6, 8, 16, 32, 48, 64, 100, 128, 256, 512, 1000, 1024])
  func counts(size: Int) throws {
    let (chunks, values) = (8, 8 * 4096)
    let rounds = (size - 1).bitWidth - (size - 1).leadingZeroBitCount
    for rank in Set([0, 1, size / 2, size - 1]) {
      let sent = try sent(rank: rank, size: size, values: values)
      // There and back in every chunk, and once for the figures.
      #expect(sent.messages <= 2 * chunks * rounds + rounds + 1, "\(rank) of \(size): \(sent.messages)")
      #expect(sent.partners.count <= rounds)
      let gradients = Double(sent.bytes - 8 * size)
      let least = 2 * 4 * Double(values) * Double(size - 1) / Double(size)
      if size.nonzeroBitCount == 1 {
        #expect(gradients < 1.1 * least && Double(sent.bytes) > 0.9 * least, "\(rank) of \(size): \(sent.bytes)")
      } else {
        // A rank that folds sends all it has; who stands for it returns the sum.
        #expect(gradients < 1.65 * least)
      }
    }
  }
}
