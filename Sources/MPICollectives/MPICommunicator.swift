#if MPI
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
      OpenMPIParameters.set()
      // Gradients are summed on a thread of their own while the others compute; no two threads call MPI at once.
      let serialized = Int32(MPI_THREAD_SERIALIZED)
      var provided: Int32 = 0
      try limit.run("MPI_Init") {
        try MPIError.check("MPI_Init_thread", MPI_Init_thread(nil, nil, serialized, &provided))
      }
      try MPIError.check("MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(world, cmpi_errors_return()))
      guard provided >= serialized else { throw MPIError.threadSupport(found: provided) }
      let communicator = try MPICommunicator(stuckRank: stuckRank, warn: warn)
      let result: Result
      do {
        result = try body(communicator)
      } catch {
        if communicator.size == 1 { MPI_Finalize() }
        throw error
      }
      // Who does not come is named here; not there.
      try communicator.barrier()
      try limit.run("MPI_Finalize") { try MPIError.check("MPI_Finalize", MPI_Finalize()) }
      return result
    }

    private init(stuckRank: StuckRankLimits, warn: @escaping @Sendable (String) -> Void) throws(MPIError) {
      (rank, size) = try Self.place(in: Self.world)
      var local: MPI_Comm?
      try MPIError.check(
        "MPI_Comm_split_type",
        MPI_Comm_split_type(Self.world, cmpi_comm_type_shared(), 0, cmpi_info_null(), &local))
      (localRank, localSize) = try Self.place(in: local)
      try MPIError.check("MPI_Comm_free", MPI_Comm_free(&local))
      wait = Wait(
        limits: stuckRank, rank: rank, size: size, launcherNoticesAfter: size > localSize ? Launcher.noticesAfter : nil,
        warn: warn)
    }

    private static var world: MPI_Comm { cmpi_comm_world() }

    private static func place(in communicator: MPI_Comm?) throws(MPIError) -> (rank: Int, size: Int) {
      var rank: Int32 = 0
      var size: Int32 = 0
      try MPIError.check("MPI_Comm_rank", MPI_Comm_rank(communicator, &rank))
      try MPIError.check("MPI_Comm_size", MPI_Comm_size(communicator, &size))
      return (Int(rank), Int(size))
    }

    package func exchange(
      send: [(to: Int, bytes: UnsafeRawBufferPointer)], receive: [(from: Int, bytes: UnsafeMutableRawBufferPointer)]
    ) throws {
      var requests: [MPI_Request?] = []
      for message in receive {
        var request: MPI_Request?
        try MPIError.check(
          "MPI_Irecv",
          MPI_Irecv(
            message.bytes.baseAddress, try Self.count(message.bytes.count), cmpi_byte(), Int32(message.from), 0,
            Self.world, &request))
        requests.append(request)
      }
      for message in send {
        var request: MPI_Request?
        try MPIError.check(
          "MPI_Isend",
          MPI_Isend(
            message.bytes.baseAddress, try Self.count(message.bytes.count), cmpi_byte(), Int32(message.to), 0,
            Self.world, &request))
        requests.append(request)
      }
      try wait.finish(&requests, partners: receive.map(\.from) + send.map(\.to))
    }

    /// MPI counts are `Int32`.
    private static func count(_ bytes: Int) throws(MPIError) -> Int32 {
      guard let count = Int32(exactly: bytes) else { throw .messageTooLarge(bytes: bytes) }
      return count
    }

    package func abort(status: Int32) -> Never {
      fflush(nil)
      if size > localSize { Launcher.endUnlessItEnds() }
      MPI_Abort(Self.world, status)
      exit(status)
    }
  }
#endif
