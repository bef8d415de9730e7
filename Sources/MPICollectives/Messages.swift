import CMPI

/// Messages to and from other ranks that are on their way.
///
/// What MPI has not finished when an error ends the wait stays with MPI: the job ends then.
struct Messages: ~Copyable {
  /// The library's handles, of as many bytes as it takes.
  private let slots: UnsafeMutableRawPointer
  /// The ranks at the other end of each.
  private(set) var partners: [[Int]] = []

  var count: Int32 { Int32(partners.count) }

  init(capacity: Int) {
    slots = .allocate(byteCount: 8 * max(1, capacity), alignment: 8)
    partners.reserveCapacity(capacity)
  }

  deinit { slots.deallocate() }

  mutating func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws(MPIError) {
    try MPIError.check(
      "MPI_Irecv", cmpi_receive(slots, count, bytes.baseAddress, try Self.count(bytes.count), Int32(rank), 0))
    partners.append([rank])
  }

  mutating func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws(MPIError) {
    try MPIError.check(
      "MPI_Isend", cmpi_send(slots, count, bytes.baseAddress, try Self.count(bytes.count), Int32(rank), 0))
    partners.append([rank])
  }

  /// The sum over all ranks. Each may be the one that is waited for, and this one asks some of them.
  ///
  /// Not in place: Open MPI 4.1 has given wrong results so, in two of its algorithms.
  mutating func sum(
    _ own: UnsafeBufferPointer<Float>, into total: UnsafeMutableBufferPointer<Float>, asking ranks: [Int]
  ) throws(MPIError) {
    try MPIError.check(
      "MPI_Iallreduce",
      cmpi_sum(slots, count, own.baseAddress, total.baseAddress, try Self.count(own.count)))
    partners.append(ranks)
  }

  /// Whether all have arrived. Moves them on, as MPI does only when it is called.
  func haveArrived() throws(MPIError) -> Bool {
    var areDone: Int32 = 0
    try MPIError.check("MPI_Testall", cmpi_test_all(slots, count, &areDone))
    return areDone != 0
  }

  /// The ranks whose messages have not arrived.
  func missing() throws(MPIError) -> Set<Int> {
    var missing: Set<Int> = []
    for (index, partner) in partners.enumerated() {
      var isDone: Int32 = 0
      try MPIError.check("MPI_Request_get_status", cmpi_is_done(slots, Int32(index), &isDone))
      if isDone == 0 { missing.formUnion(partner) }
    }
    return missing
  }

  /// MPI counts are `Int32`.
  private static func count(_ bytes: Int) throws(MPIError) -> Int32 {
    guard let count = Int32(exactly: bytes) else { throw .messageTooLarge(bytes: bytes) }
    return count
  }
}
