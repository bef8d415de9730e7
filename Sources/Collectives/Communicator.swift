/// The ranks of one job and what they do together. Every collective call is made by all ranks, in the same order, and
/// never two at once on one rank. All but `exchange` are built from it, see `Communicator+Collectives.swift`.
package protocol Communicator: Sendable {
  /// This process's place, from 0.
  var rank: Int { get }
  /// The number of processes.
  var size: Int { get }
  /// This process's place among those on the same host, and how many there are.
  var localRank: Int { get }
  var localSize: Int { get }

  /// Replaces `values`, equally many on every rank, by their sum over ranks: bit for bit the same on every rank.
  func sum(_ values: inout [Double]) throws
  /// Sets `total` to the sum of all ranks' numbers, equally many on each, as the library adds them: the same on every rank,
  /// and other bits on another number of ranks. The two do not overlap.
  func sum(_ own: UnsafeBufferPointer<Float>, into total: UnsafeMutableBufferPointer<Float>) throws
  /// Sends messages to other ranks and receives some from them. What two ranks send each other arrives in order, and both
  /// know its size. Leaves the processor to other threads while it waits.
  func exchange(
    send: [(to: Int, bytes: UnsafeRawBufferPointer)], receive: [(from: Int, bytes: UnsafeMutableRawBufferPointer)]
  ) throws
  /// Replaces `bytes` on every rank by the root's; the length may differ beforehand.
  func broadcast(_ bytes: inout [UInt8], from root: Int) throws
  /// The bytes of every rank, in order, on the root; `nil` elsewhere. At most 2 GiB in all.
  func gather(_ bytes: [UInt8], to root: Int) throws -> [[UInt8]]?
  func barrier() throws
  /// Says whether a rank that waits may look for messages without a pause for a moment: where it has a core for each of
  /// its threads, that costs nobody anything, and what arrives soon is there sooner.
  func waitEagerly(_ isEager: Bool)
  /// Ends every rank of the job at once with a status.
  func abort(status: Int32) -> Never
}
