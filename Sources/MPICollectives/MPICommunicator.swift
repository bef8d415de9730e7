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

    private static let pollMicroseconds: UInt32 = 50
    /// MPI counts are `Int32`.
    private static let broadcastChunk = 1 << 30

    /// Initialises MPI, enters `body` and finalises MPI. When `body` throws on one of several ranks, MPI stays up, since
    /// finalising would wait for ranks that wait for this one: the caller ends the job with ``abort(status:)``.
    static func run<Result>(_ body: (MPICommunicator) throws -> Result) throws -> Result {
      OpenMPIParameters.set()
      // Gradients are summed on a thread of their own while the others compute; no two threads call MPI at once.
      let serialized = Int32(MPI_THREAD_SERIALIZED)
      var provided: Int32 = 0
      try MPIError.check("MPI_Init_thread", MPI_Init_thread(nil, nil, serialized, &provided))
      try MPIError.check("MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(world, cmpi_errors_return()))
      guard provided >= serialized else { throw MPIError.threadSupport(found: provided) }
      let communicator = try MPICommunicator()
      let result: Result
      do {
        result = try body(communicator)
      } catch {
        if communicator.size == 1 { MPI_Finalize() }
        throw error
      }
      try MPIError.check("MPI_Finalize", MPI_Finalize())
      return result
    }

    private init() throws(MPIError) {
      (rank, size) = try Self.place(in: Self.world)
      var local: MPI_Comm?
      try MPIError.check(
        "MPI_Comm_split_type",
        MPI_Comm_split_type(Self.world, cmpi_comm_type_shared(), 0, cmpi_info_null(), &local))
      (localRank, localSize) = try Self.place(in: local)
      try MPIError.check("MPI_Comm_free", MPI_Comm_free(&local))
    }

    private static var world: MPI_Comm { cmpi_comm_world() }

    private static func place(in communicator: MPI_Comm?) throws(MPIError) -> (rank: Int, size: Int) {
      var rank: Int32 = 0
      var size: Int32 = 0
      try MPIError.check("MPI_Comm_rank", MPI_Comm_rank(communicator, &rank))
      try MPIError.check("MPI_Comm_size", MPI_Comm_size(communicator, &size))
      return (Int(rank), Int(size))
    }

    package func sum(_ values: inout [Double]) throws {
      guard size > 1, !values.isEmpty else { return }
      guard let count = Int32(exactly: values.count) else { throw MPIError.messageTooLarge(bytes: values.count * 8) }
      try MPIError.check(
        "MPI_Allreduce", MPI_Allreduce(cmpi_in_place(), &values, count, cmpi_double(), cmpi_sum(), Self.world))
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
      // Open MPI moves messages only inside its calls, and its waiting calls spin: other threads have work to do.
      var isDone: Int32 = 0
      while true {
        try MPIError.check(
          "MPI_Testall", MPI_Testall(Int32(requests.count), &requests, &isDone, cmpi_statuses_ignore()))
        if isDone != 0 { return }
        usleep(Self.pollMicroseconds)
      }
    }

    private static func count(_ bytes: Int) throws(MPIError) -> Int32 {
      guard let count = Int32(exactly: bytes) else { throw .messageTooLarge(bytes: bytes) }
      return count
    }

    package func broadcast(_ bytes: inout [UInt8], from root: Int) throws {
      guard size > 1 else { return }
      var count = Int64(bytes.count)
      try MPIError.check("MPI_Bcast", MPI_Bcast(&count, 1, cmpi_int64(), Int32(root), Self.world))
      if rank != root { bytes = [UInt8](repeating: 0, count: Int(count)) }
      try bytes.withUnsafeMutableBytes { buffer in
        for start in stride(from: 0, to: buffer.count, by: Self.broadcastChunk) {
          let part = Int32(min(Self.broadcastChunk, buffer.count - start))
          try MPIError.check(
            "MPI_Bcast", MPI_Bcast(buffer.baseAddress! + start, part, cmpi_byte(), Int32(root), Self.world))
        }
      }
    }

    package func gather(_ bytes: [UInt8], to root: Int) throws -> [[UInt8]]? {
      // Every rank learns every length, so that all of them refuse what is too much.
      var own = Int64(bytes.count)
      var lengths = [Int64](repeating: 0, count: size)
      try MPIError.check(
        "MPI_Allgather", MPI_Allgather(&own, 1, cmpi_int64(), &lengths, 1, cmpi_int64(), Self.world))
      let total = lengths.reduce(0, +)
      guard total <= Int64(Int32.max) else { throw MPIError.gatherTooLarge(bytes: total) }

      let counts = lengths.map { Int32($0) }
      var starts = [Int32]()
      var end: Int32 = 0
      for count in counts {
        starts.append(end)
        end += count
      }
      var gathered = [UInt8](repeating: 0, count: rank == root ? Int(end) : 0)
      try MPIError.check(
        "MPI_Gatherv",
        MPI_Gatherv(
          bytes, counts[rank], cmpi_byte(), &gathered, counts, starts, cmpi_byte(), Int32(root), Self.world))
      guard rank == root else { return nil }
      return zip(starts, counts).map { start, count in Array(gathered[Int(start)..<Int(start + count)]) }
    }

    package func barrier() throws {
      try MPIError.check("MPI_Barrier", MPI_Barrier(Self.world))
    }

    package func abort(status: Int32) -> Never {
      fflush(nil)
      MPI_Abort(Self.world, status)
      exit(status)
    }
  }
#endif
