import Collectives
import Dispatch
import Glibc
import Synchronization

/// The ranks of a job as threads of the test, which needs no MPI.
final class ThreadRanks: Sendable {
  private struct Route: Hashable {
    let from: Int
    let to: Int
  }

  private let size: Int
  /// Messages under way, in the order of sending.
  private let messages = Mutex<[Route: [[UInt8]]]>([:])

  private init(size: Int) { self.size = size }

  /// Runs `body` as each rank, and returns what it returned, in order.
  static func run<Result: Sendable>(
    _ size: Int, _ body: @Sendable (any Communicator) throws -> Result
  ) throws -> [Result] {
    let job = ThreadRanks(size: size)
    let results = Mutex([Swift.Result<Result, any Error>?](repeating: nil, count: size))
    // Ranks wait for one another, so each needs its thread from the beginning.
    withoutActuallyEscaping(body) { body in
      let group = DispatchGroup()
      for rank in 0..<size {
        DispatchQueue(label: "rank \(rank)").async(group: group) {
          let result = Swift.Result { try body(ThreadRank(rank: rank, job: job)) }
          results.withLock { $0[rank] = result }
        }
      }
      group.wait()
    }
    return try results.withLock { $0 }.compactMap { try $0?.get() }
  }

  private struct ThreadRank: Communicator {
    let rank: Int
    let job: ThreadRanks
    var size: Int { job.size }
    var localRank: Int { rank }
    var localSize: Int { job.size }
    private var others: [Int] { (0..<size).filter { $0 != rank } }

    func exchange(
      send: [(to: Int, bytes: UnsafeRawBufferPointer)], receive: [(from: Int, bytes: UnsafeMutableRawBufferPointer)]
    ) {
      for (to, bytes) in send {
        job.messages.withLock { $0[Route(from: rank, to: to), default: []].append(Array(bytes)) }
      }
      for (from, bytes) in receive {
        let route = Route(from: from, to: rank)
        while true {
          let message = job.messages.withLock { messages in
            messages[route, default: []].isEmpty ? nil : messages[route]?.removeFirst()
          }
          if let message {
            precondition(message.count == bytes.count, "rank \(from) sent \(message.count) bytes to \(bytes.count)")
            bytes.copyBytes(from: message)
            break
          }
          usleep(20)
        }
      }
    }

    func sum(_ values: inout [Double]) {
      let all = everybodys(values.withUnsafeBytes { Array($0) })
      for index in values.indices {
        values[index] = all.reduce(0) { sum, bytes in
          sum + bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 8 * index, as: Double.self) }
        }
      }
    }

    /// Every rank's bytes, equally many.
    private func everybodys(_ bytes: [UInt8]) -> [[UInt8]] {
      var all = [UInt8](repeating: 0, count: size * bytes.count)
      all.replaceSubrange(rank * bytes.count..<(rank + 1) * bytes.count, with: bytes)
      all.withUnsafeMutableBytes { all in
        bytes.withUnsafeBytes { bytes in
          exchange(
            send: others.map { ($0, bytes) },
            receive: others.map {
              ($0, UnsafeMutableRawBufferPointer(rebasing: all[$0 * bytes.count..<($0 + 1) * bytes.count]))
            })
        }
      }
      return (0..<size).map { Array(all[$0 * bytes.count..<($0 + 1) * bytes.count]) }
    }

    func broadcast(_ bytes: inout [UInt8], from root: Int) {
      // Messages carry no length.
      var count = [rank == root ? Double(bytes.count) : 0]
      sum(&count)
      if rank == root {
        bytes.withUnsafeBytes { bytes in exchange(send: others.map { ($0, bytes) }, receive: []) }
      } else {
        bytes = [UInt8](repeating: 0, count: Int(count[0]))
        bytes.withUnsafeMutableBytes { exchange(send: [], receive: [(root, $0)]) }
      }
    }

    func gather(_ bytes: [UInt8], to root: Int) -> [[UInt8]]? {
      var counts = [Double](repeating: 0, count: size)
      counts[rank] = Double(bytes.count)
      sum(&counts)
      guard rank == root else {
        bytes.withUnsafeBytes { exchange(send: [(root, $0)], receive: []) }
        return nil
      }
      return (0..<size).map { other in
        guard other != rank else { return bytes }
        var received = [UInt8](repeating: 0, count: Int(counts[other]))
        received.withUnsafeMutableBytes { exchange(send: [], receive: [(other, $0)]) }
        return received
      }
    }

    func barrier() { _ = everybodys([0]) }
    func abort(status: Int32) -> Never { exit(status) }
  }
}
