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

    /// MPI counts are `Int32`.
    private static let broadcastChunk = 1 << 30

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

    private var others: [Int] { (0..<size).filter { $0 != rank } }

    package func sum(_ values: inout [Double]) throws {
      guard size > 1, !values.isEmpty else { return }
      let count = values.count
      var all = [Double](repeating: 0, count: size * count)
      all.replaceSubrange(rank * count..<(rank + 1) * count, with: values)
      try values.withUnsafeBytes { own in
        try all.withUnsafeMutableBytes { all in
          try exchange(
            send: others.map { ($0, own) },
            receive: others.map {
              ($0, UnsafeMutableRawBufferPointer(rebasing: all[$0 * own.count..<($0 + 1) * own.count]))
            })
        }
      }
      // In the order of ranks, wherever it is done.
      for index in 0..<count {
        values[index] = stride(from: index, to: all.count, by: count).reduce(0) { $0 + all[$1] }
      }
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

    private static func count(_ bytes: Int) throws(MPIError) -> Int32 {
      guard let count = Int32(exactly: bytes) else { throw .messageTooLarge(bytes: bytes) }
      return count
    }

    package func broadcast(_ bytes: inout [UInt8], from root: Int) throws {
      guard size > 1 else { return }
      var count = Int64(bytes.count)
      try withUnsafeMutableBytes(of: &count) { try send($0, from: root) }
      if rank != root { bytes = [UInt8](repeating: 0, count: Int(count)) }
      try bytes.withUnsafeMutableBytes { buffer in
        for start in stride(from: 0, to: buffer.count, by: Self.broadcastChunk) {
          let part = start..<min(start + Self.broadcastChunk, buffer.count)
          try send(UnsafeMutableRawBufferPointer(rebasing: buffer[part]), from: root)
        }
      }
    }

    /// As many bytes on every rank. Straight from the root, so that it knows who does not take them.
    private func send(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
      if rank == root {
        try exchange(send: others.map { ($0, UnsafeRawBufferPointer(bytes)) }, receive: [])
      } else {
        try exchange(send: [], receive: [(root, bytes)])
      }
    }

    package func gather(_ bytes: [UInt8], to root: Int) throws -> [[UInt8]]? {
      // Every rank learns every length, so that all of them refuse what is too much.
      var lengths = [Double](repeating: 0, count: size)
      lengths[rank] = Double(bytes.count)
      try sum(&lengths)
      let total = lengths.reduce(0, +)
      guard total <= Double(Int32.max) else { throw MPIError.gatherTooLarge(bytes: Int64(total)) }
      guard rank == root else {
        try bytes.withUnsafeBytes { try exchange(send: [(root, $0)], receive: []) }
        return nil
      }
      var starts = [0]
      for length in lengths { starts.append(starts[starts.count - 1] + Int(length)) }
      var gathered = [UInt8](repeating: 0, count: Int(total))
      gathered.replaceSubrange(starts[rank]..<starts[rank + 1], with: bytes)
      try gathered.withUnsafeMutableBytes { gathered in
        try exchange(
          send: [],
          receive: others.map {
            ($0, UnsafeMutableRawBufferPointer(rebasing: gathered[starts[$0]..<starts[$0 + 1]]))
          })
      }
      return (0..<size).map { Array(gathered[starts[$0]..<starts[$0 + 1]]) }
    }

    package func barrier() throws {
      let nothing = UnsafeMutableRawBufferPointer(start: nil, count: 0)
      try exchange(
        send: others.map { ($0, UnsafeRawBufferPointer(nothing)) }, receive: others.map { ($0, nothing) })
    }

    package func abort(status: Int32) -> Never {
      fflush(nil)
      if size > localSize { Launcher.endUnlessItEnds() }
      MPI_Abort(Self.world, status)
      exit(status)
    }
  }
#endif
