import Collectives
import Dispatch
import Kernels

/// Sums gradients over ranks on a thread of its own, segment by segment as a backward pass completes them. Each rank
/// adds up a stretch of every segment, in the order of a tree, and sends the result to the others: as many bytes as the
/// best allreduce moves, and a result that does not depend on how MPI would add.
///
/// `@unchecked Sendable`: between `start` and `finish` only the queue's thread uses what is here.
final class GradientSum: @unchecked Sendable {
  private let ranks: any Communicator
  private let precision: WirePrecision
  private let queue = DispatchQueue(label: "gradient sum", qos: .userInitiated)
  private let group = DispatchGroup()
  private var outcome: Result<Void, any Error> = .success(())
  /// Own gradients as they are sent.
  private var outgoing = WireBuffer()
  /// What others send, where it is not what is added.
  private var incoming = WireBuffer()
  private var addends = WireBuffer()

  private let leastInPlace: Int

  /// - Parameter leastInPlace: how long a range of parameters is at least that has messages of its own. Shorter ones are
  ///   sent together.
  init(ranks: any Communicator, precision: WirePrecision, leastInPlace: Int) {
    self.ranks = ranks
    self.precision = precision
    self.leastInPlace = leastInPlace
  }

  /// What all ranks know of a sum before anything is computed.
  struct Plan: Sendable {
    let segments: GradientSegments
    let tree: SummationTree
    /// What each rank's gradients are in the tree.
    let nodes: [[SummationTree.Node]]
    /// Whether every rank has one, and so may send it from where it lies and receive the sum there.
    var isInPlace: Bool { nodes.allSatisfy { $0.count == 1 } }
    /// Of `figures`, those that each rank has, in the order of ranks.
    let shares: [Range<Int>]
  }

  /// Starts to replace `total` by the sum of all ranks' gradients. Nobody else may use the communicator until `finish`.
  ///
  /// - Parameters:
  ///   - figures: numbers of which each rank has some by the time the last segment is complete, to be shared.
  ///   - own: this rank's gradients, one for each of its nodes, of some complete parameters. Nobody else touches them
  ///     until `finish`.
  func start(
    _ plan: Plan, into total: ParameterBuffer, figures: UnsafeMutableBufferPointer<Double>,
    own: @escaping @Sendable (_ ranges: [Range<Int>]) -> [ParameterBuffer]
  ) {
    // Written by the workers until the last segment is complete, then by the thread.
    nonisolated(unsafe) let figures = figures
    queue.async(group: group) { [self] in
      outcome = Result {
        for segment in plan.segments.segments {
          segment.pending.wait()
          try sum(own(segment.ranges), segment, into: total, plan)
        }
        try share(figures, plan.shares)
      }
    }
  }

  /// Waits for the sum.
  func finish() throws {
    group.wait()
    try outcome.get()
  }

  private var others: [Int] { (0..<ranks.size).filter { $0 != ranks.rank } }

  private func sum(
    _ gradients: [ParameterBuffer], _ segment: GradientSegments.Segment, into total: ParameterBuffer, _ plan: Plan
  ) throws {
    guard precision == .float32, plan.isInPlace else {
      return try sumPacked(gradients, segment.ranges, into: total, plan)
    }
    for range in segment.ranges where range.count >= leastInPlace {
      if gradients[0] !== total { total.values[part: range].copy(from: gradients[0].values[part: range]) }
      try sumInPlace(total.values[part: range], plan)
    }
    try sumPacked(gradients, segment.ranges.filter { $0.count < leastInPlace }, into: total, plan)
  }

  /// Sums one range of the only gradient that each rank has. Packing costs four times the memory traffic, for which the
  /// ranks of a host compete with each other's products.
  private func sumInPlace(_ values: UnsafeMutableBufferPointer<Float>, _ plan: Plan) throws {
    let (rank, size) = (ranks.rank, ranks.size)
    func stretch(_ rank: Int) -> UnsafeMutableBufferPointer<Float> {
      values[part: rank * values.count / size..<(rank + 1) * values.count / size]
    }
    func bytes(_ rank: Int) -> UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(stretch(rank)) }
    let mine = stretch(rank)
    addends.reserve(size * mine.count, .float32)
    // Of my stretch, what each rank has.
    var operands = (0..<size).map { $0 == rank ? mine : addends.floats(part($0, of: mine.count)) }
    try ranks.exchange(
      send: others.map { ($0, UnsafeRawBufferPointer(bytes($0))) },
      receive: others.map { ($0, UnsafeMutableRawBufferPointer(operands[$0])) })
    for addition in plan.tree.reduce(plan.nodes.flatMap { $0 }).additions {
      var (target, source) = (operands[addition.target], operands[addition.source])
      // The order of two terms does not matter: sums gather where my own gradient is.
      if source.baseAddress == mine.baseAddress { swap(&target, &source) }
      add(UnsafeBufferPointer(source), to: target)
      operands[addition.target] = target
    }
    try ranks.exchange(
      send: others.map { ($0, UnsafeRawBufferPointer(mine)) }, receive: others.map { ($0, bytes($0)) })
  }

  private func sumPacked(
    _ gradients: [ParameterBuffer], _ ranges: [Range<Int>], into total: ParameterBuffer, _ plan: Plan
  ) throws {
    let (rank, size, nodes) = (ranks.rank, ranks.size, plan.nodes)
    precondition(gradients.count == nodes[rank].count)
    let length = ranges.reduce(0) { $0 + $1.count }
    guard length > 0 else { return }
    func stretch(_ rank: Int) -> Range<Int> { rank * length / size..<(rank + 1) * length / size }
    let mine = stretch(rank)
    // Where each rank's gradients of my stretch lie among the addends.
    let starts = nodes.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count * mine.count) }
    // Where a rank's stretch of my gradients lies in `outgoing`: they follow one another, as one message.
    func message(_ rank: Int) -> Range<Int> {
      gradients.count * stretch(rank).lowerBound..<gradients.count * stretch(rank).upperBound
    }
    outgoing.reserve(length * max(1, gradients.count), precision)
    addends.reserve(max(length, starts[size]), .float32)

    for rank in 0..<size {
      for (index, gradient) in gradients.enumerated() {
        let start = message(rank).lowerBound + index * stretch(rank).count
        forEachPiece(of: stretch(rank), in: ranges) { piece, position in
          precision.encode(
            outgoing.bytes(start + position..<start + position + piece.count, precision),
            from: gradient.values[part: piece])
        }
      }
    }
    precision.decode(addends.floats(starts[rank]..<starts[rank + 1]), from: outgoing.bytes(message(rank), precision))
    try exchange(
      send: others.map { ($0, message($0)) }, receive: others.map { ($0, starts[$0]..<starts[$0 + 1]) })

    for addition in plan.tree.reduce(nodes.flatMap { $0 }).additions {
      add(
        UnsafeBufferPointer(addends.floats(part(addition.source, of: mine.count))),
        to: addends.floats(part(addition.target, of: mine.count)))
    }
    // Everything was added to the first. What others get is what this rank goes on with.
    precision.encode(outgoing.bytes(mine, precision), from: addends.floats(0..<mine.count))
    precision.decode(addends.floats(mine), from: outgoing.bytes(mine, precision))
    try exchange(send: others.map { ($0, mine) }, receive: others.map { ($0, stretch($0)) })
    forEachPiece(of: 0..<length, in: ranges) { piece, position in
      total.values[part: piece].copy(from: addends.floats(position..<position + piece.count))
    }
  }

  /// Sends parts of `outgoing`, and receives parts of `addends`.
  private func exchange(send: [(to: Int, part: Range<Int>)], receive: [(from: Int, part: Range<Int>)]) throws {
    let messages = send.map { ($0, UnsafeRawBufferPointer(outgoing.bytes($1, precision))) }
    guard precision != .float32 else {
      return try ranks.exchange(send: messages, receive: receive.map { ($0, addends.bytes($1, precision)) })
    }
    incoming.reserve(receive.reduce(0) { max($0, $1.part.upperBound) }, precision)
    try ranks.exchange(send: messages, receive: receive.map { ($0, incoming.bytes($1, precision)) })
    for (_, part) in receive { precision.decode(addends.floats(part), from: incoming.bytes(part, precision)) }
  }

  private func share(_ figures: UnsafeMutableBufferPointer<Double>, _ shares: [Range<Int>]) throws {
    func bytes(_ rank: Int) -> UnsafeMutableRawBufferPointer {
      UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: figures[shares[rank]]))
    }
    let own = UnsafeRawBufferPointer(bytes(ranks.rank))
    try ranks.exchange(send: others.map { ($0, own) }, receive: others.map { ($0, bytes($0)) })
  }

  private func part(_ position: Int, of length: Int) -> Range<Int> { position * length..<(position + 1) * length }

  /// Calls `body` with each piece of a stretch of the ranges laid end to end: where it lies in the layout, and where in
  /// the stretch.
  private func forEachPiece(
    of stretch: Range<Int>, in ranges: [Range<Int>], _ body: (_ piece: Range<Int>, _ position: Int) -> Void
  ) {
    var position = 0
    for range in ranges {
      let piece = (position..<position + range.count).clamped(to: stretch)
      if !piece.isEmpty {
        let start = range.lowerBound + piece.lowerBound - position
        body(start..<start + piece.count, piece.lowerBound - stretch.lowerBound)
      }
      position += range.count
    }
  }
}
