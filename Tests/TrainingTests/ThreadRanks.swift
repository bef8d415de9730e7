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
  /// Of each rank, signalled at every message to it.
  private let arrivals: [DispatchSemaphore]

  private init(size: Int) {
    self.size = size
    arrivals = (0..<size).map { _ in DispatchSemaphore(value: 0) }
  }

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

    func exchange(
      send: [(to: Int, bytes: UnsafeRawBufferPointer)], receive: [(from: Int, bytes: UnsafeMutableRawBufferPointer)]
    ) {
      for (to, bytes) in send {
        job.messages.withLock { $0[Route(from: rank, to: to), default: []].append(Array(bytes)) }
        job.arrivals[to].signal()
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
          job.arrivals[rank].wait()
        }
      }
    }

    func abort(status: Int32) -> Never { exit(status) }
  }
}
