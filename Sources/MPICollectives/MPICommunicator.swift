import CMPI
import Collectives
import Glibc

/// The ranks of `MPI_COMM_WORLD`. Any thread may call, one at a time.
package struct MPICommunicator: Communicator {
  package let rank: Int
  package let size: Int
  package let localRank: Int
  package let localSize: Int

  /// Every collective call ends in it.
  private let wait: Wait

  /// Initialises MPI, enters `body` and finalises MPI. When `body` throws on one of several ranks, MPI stays up, since
  /// finalising would wait for ranks that wait for this one: the caller ends the job with ``abort(status:)``.
  static func run<Result>(
    stuckRank: StuckRankLimits, limit: CallLimit, warn: @escaping @Sendable (String) -> Void,
    _ body: (MPICommunicator) throws -> Result
  ) throws -> Result {
    try limit.run("MPI_Init") { try MPILibrary.initialize() }
    try MPIError.check("MPI_Comm_set_errhandler", cmpi_return_errors())
    let communicator = try MPICommunicator(stuckRank: stuckRank, warn: warn)
    let result: Result
    do {
      result = try body(communicator)
    } catch {
      if communicator.size == 1 { cmpi_finalize() }
      throw error
    }
    // Who does not come is named here; not there.
    try communicator.barrier()
    try limit.run("MPI_Finalize") { try MPIError.check("MPI_Finalize", cmpi_finalize()) }
    return result
  }

  private init(stuckRank: StuckRankLimits, warn: @escaping @Sendable (String) -> Void) throws(MPIError) {
    (rank, size) = try Self.place(in: cmpi_world())
    var local = cmpi_world()
    try MPIError.check("MPI_Comm_split_type", cmpi_split_by_host(&local))
    (localRank, localSize) = try Self.place(in: local)
    try MPIError.check("MPI_Comm_free", cmpi_free(&local))
    wait = Wait(
      limits: stuckRank, rank: rank, launcherNoticesAfter: size > localSize ? Launcher.noticesAfter : nil, warn: warn)
  }

  private static func place(in communicator: cmpi_comm) throws(MPIError) -> (rank: Int, size: Int) {
    var rank: Int32 = 0
    var size: Int32 = 0
    try MPIError.check("MPI_Comm_rank", cmpi_rank(communicator, &rank))
    try MPIError.check("MPI_Comm_size", cmpi_size(communicator, &size))
    return (Int(rank), Int(size))
  }

  package func exchange(
    send: [(to: Int, bytes: UnsafeRawBufferPointer)], receive: [(from: Int, bytes: UnsafeMutableRawBufferPointer)]
  ) throws {
    var messages = Messages(capacity: receive.count + send.count)
    // Over TCP, Open MPI's receiver asks for a long message, and what it has begun to send itself goes first. Announced
    // before that, two messages that cross pass each other; asked for first, one waits for the other's end.
    for message in send { try messages.send(message.bytes, to: message.to) }
    for message in receive { try messages.receive(message.bytes, from: message.from) }
    try wait.finish(messages)
  }

  package func sum(_ own: UnsafeBufferPointer<Float>, into total: UnsafeMutableBufferPointer<Float>) throws {
    precondition(own.count == total.count)
    guard !own.isEmpty else { return }
    var messages = Messages(capacity: 1)
    try messages.sum(own, into: total, asking: WaitingSigns.asked(by: rank, of: size))
    try wait.finish(messages)
  }

  package func waitEagerly(_ isEager: Bool) { wait.isEager.store(isEager, ordering: .relaxed) }

  package func abort(status: Int32) -> Never {
    fflush(nil)
    if size > localSize { Launcher.endUnlessItEnds() }
    cmpi_abort(status)
    exit(status)
  }
}
