extension Communicator {
  package func waitEagerly(_ isEager: Bool) {}

  /// Where no library sums: in order of ranks, on the first of them.
  package func sum(
    _ own: UnsafeBufferPointer<Float>, into total: UnsafeMutableBufferPointer<Float>
  ) throws {
    precondition(own.count == total.count)
    var sum = Array(own)
    let all = try gather(own.withMemoryRebound(to: UInt8.self) { Array($0) }, to: 0) ?? []
    for bytes in all.dropFirst() {
      bytes.withUnsafeBytes { theirs in
        for index in sum.indices { sum[index] += theirs.loadUnaligned(fromByteOffset: 4 * index, as: Float.self) }
      }
    }
    var bytes = sum.withUnsafeBytes { Array($0) }
    try broadcast(&bytes, from: 0)
    UnsafeMutableRawBufferPointer(total).copyBytes(from: bytes)
  }
}

/// What ranks do together, in O(log P) messages a rank.
extension Communicator {
  /// By recursive doubling: both partners add the same two terms, so all ranks have the same bits.
  package func sum(_ values: inout [Double]) throws {
    guard size > 1, !values.isEmpty else { return }
    let plan = RecursiveDoubling(rank: rank, size: size)
    var theirs = [Double](repeating: 0, count: values.count)
    func meet(_ partner: Int, sends: Bool, receives: Bool) throws {
      try values.withUnsafeBytes { own in
        try theirs.withUnsafeMutableBytes { theirs in
          try exchange(send: sends ? [(partner, own)] : [], receive: receives ? [(partner, theirs)] : [])
        }
      }
    }
    func add() { for (index, value) in theirs.enumerated() { values[index] += value } }
    switch plan.fold {
    case .none: break
    case .into(let neighbour):
      try meet(neighbour, sends: true, receives: false)
      try meet(neighbour, sends: false, receives: true)
      values = theirs
      return
    case .from(let neighbour):
      try meet(neighbour, sends: false, receives: true)
      add()
    }
    for round in plan.rounds {
      try meet(round.partner, sends: true, receives: true)
      add()
    }
    if case .from(let neighbour) = plan.fold { try meet(neighbour, sends: true, receives: false) }
  }

  package func broadcast(_ bytes: inout [UInt8], from root: Int) throws {
    guard size > 1 else { return }
    let tree = BinomialTree(rank: rank, size: size, root: root)
    var count = Int64(bytes.count)
    try withUnsafeMutableBytes(of: &count) { try pass($0, down: tree) }
    if rank != root { bytes = [UInt8](repeating: 0, count: Int(count)) }
    try bytes.withUnsafeMutableBytes { bytes in
      // In chunks, which follow one another down the tree.
      for start in stride(from: 0, to: bytes.count, by: broadcastChunk) {
        let chunk = start..<min(start + broadcastChunk, bytes.count)
        try pass(UnsafeMutableRawBufferPointer(rebasing: bytes[chunk]), down: tree)
      }
    }
  }

  private func pass(_ bytes: UnsafeMutableRawBufferPointer, down tree: BinomialTree) throws {
    if let parent = tree.parent { try exchange(send: [], receive: [(parent, bytes)]) }
    try exchange(send: tree.children.map { ($0.rank, UnsafeRawBufferPointer(bytes)) }, receive: [])
  }

  /// - Throws: ``GatherTooLarge``, on all ranks alike.
  package func gather(_ bytes: [UInt8], to root: Int) throws -> [[UInt8]]? {
    // Every rank learns every length, so that all of them refuse what is too much.
    var lengths = [Double](repeating: 0, count: size)
    lengths[rank] = Double(bytes.count)
    try sum(&lengths)
    let total = lengths.reduce(0, +)
    guard total <= Double(Int32.max) else { throw GatherTooLarge(bytes: Int64(total)) }
    // From the root on, each rank has the bytes of a range of ranks: its own, then its children's.
    let tree = BinomialTree(rank: rank, size: size, root: root)
    func count(_ positions: Range<Int>) -> Int {
      positions.reduce(0) { $0 + Int(lengths[($1 + root) % size]) }
    }
    var gathered = [UInt8](repeating: 0, count: count(tree.subtree))
    gathered.replaceSubrange(0..<bytes.count, with: bytes)
    try gathered.withUnsafeMutableBytes { gathered in
      try exchange(
        send: [],
        receive: tree.children.map { child in
          let start = count(tree.subtree.lowerBound..<child.subtree.lowerBound)
          return (child.rank, UnsafeMutableRawBufferPointer(rebasing: gathered[start..<start + count(child.subtree)]))
        })
    }
    if let parent = tree.parent {
      try gathered.withUnsafeBytes { try exchange(send: [(parent, $0)], receive: []) }
      return nil
    }
    var result = [[UInt8]](repeating: [], count: size)
    var start = 0
    for position in 0..<size {
      let end = start + count(position..<position + 1)
      result[(position + root) % size] = Array(gathered[start..<end])
      start = end
    }
    return result
  }

  /// Gives every rank the bytes of all: each has its own stretch of a buffer, one after the other. In ⌈log₂ P⌉ rounds
  /// (Bruck et al., 1997), in each of which a rank sends all that it has, or as much as is wanted, and gets as much.
  ///
  /// - Parameter stretches: by rank; where they begin and end, each behind the one before.
  package func allGather(_ bytes: UnsafeMutableRawBufferPointer, stretches: [Range<Int>]) throws {
    precondition(stretches.count == size, "each rank has a stretch")
    /// The stretches of some ranks, which are two where they go on with rank 0.
    func stretch(of count: Int, from first: Int) -> [UnsafeMutableRawBufferPointer] {
      let end = first + count
      return [first..<min(end, size), 0..<max(0, end - size)].compactMap { ranks in
        guard let first = ranks.first, let last = ranks.last else { return nil }
        let range = stretches[first].lowerBound..<stretches[last].upperBound
        return range.isEmpty ? nil : UnsafeMutableRawBufferPointer(rebasing: bytes[range])
      }
    }
    // From this rank's on, the stretches of so many ranks are here.
    var known = 1
    while known < size {
      let count = min(known, size - known)
      let (to, from) = ((rank + size - known) % size, (rank + known) % size)
      try exchange(
        send: stretch(of: count, from: rank).map { (to, UnsafeRawBufferPointer($0)) },
        receive: stretch(of: count, from: from).map { (from, $0) })
      known += count
    }
  }

  package func barrier() throws {
    guard size > 1 else { return }
    var nothing = [0.0]
    try sum(&nothing)
  }
}

/// Large enough for a link's bandwidth, and short enough that a tree of ranks passes several at once.
private let broadcastChunk = 1 << 24

/// Ranks were asked to gather more than a message holds.
package struct GatherTooLarge: Error, CustomStringConvertible {
  let bytes: Int64

  package var description: String {
    "gather: expected at most \(Int32.max) bytes over all ranks, found \(bytes); gather in smaller parts"
  }
}
