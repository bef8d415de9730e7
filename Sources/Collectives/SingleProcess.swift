import Glibc

/// A job of one process: every sum is its own, and nothing is sent.
package struct SingleProcess: Communicator {
  package let rank = 0
  package let size = 1
  package let localRank = 0
  package let localSize = 1

  package init() {}

  package func sum(_ values: inout [Double]) {}

  package func exchange(
    send: [(to: Int, bytes: UnsafeRawBufferPointer)], receive: [(from: Int, bytes: UnsafeMutableRawBufferPointer)]
  ) {
    precondition(send.isEmpty && receive.isEmpty, "one process has no other rank")
  }

  package func broadcast(_ bytes: inout [UInt8], from root: Int) {
    precondition(root == 0, "one process has no rank \(root)")
  }

  package func gather(_ bytes: [UInt8], to root: Int) -> [[UInt8]]? {
    precondition(root == 0, "one process has no rank \(root)")
    return [bytes]
  }

  package func barrier() {}

  package func abort(status: Int32) -> Never { exit(status) }
}
