import Collectives
import Dispatch
import Kernels

/// Sums gradients over ranks on a thread of its own. Each rank adds up a stretch of them, in the order of a tree, and
/// sends the result to the others: as many bytes as the best allreduce moves, and a result that does not depend on how
/// MPI would add.
///
/// `@unchecked Sendable`: between `start` and `finish` only the queue's thread uses what is here.
final class GradientSum: @unchecked Sendable {
  private let ranks: any Communicator
  private let queue = DispatchQueue(label: "gradient sum", qos: .userInitiated)
  private let group = DispatchGroup()
  private var outcome: Result<[Double], any Error> = .success([])
  /// Own gradients as they are sent; then the sum.
  private var wire = FloatBuffer()
  private var received = FloatBuffer()
  private var result = FloatBuffer()

  init(ranks: any Communicator) {
    self.ranks = ranks
  }

  /// Starts to replace `total` by the sum of all ranks' gradients. They must stay as they are until `finish`, and nobody
  /// else may use the communicator.
  ///
  /// - Parameters:
  ///   - gradients: this rank's, one for each of its nodes.
  ///   - ranges: the parameters to sum, the same on every rank.
  ///   - figures: numbers of which each rank has some, to be shared.
  ///   - shares: those that each rank has, in the order of ranks.
  ///   - nodes: what each rank's gradients are in the tree.
  func start(
    _ gradients: [ParameterBuffer], into total: ParameterBuffer, ranges: [Range<Int>], figures: [Double],
    shares: [Range<Int>], tree: SummationTree, nodes: [[SummationTree.Node]]
  ) {
    queue.async(group: group) { [self] in
      outcome = Result {
        var figures = figures
        try run(
          gradients, into: total, ranges: ranges, figures: &figures, shares: shares, tree: tree, nodes: nodes)
        return figures
      }
    }
  }

  /// Waits for the sum, and returns everybody's figures.
  func finish() throws -> [Double] {
    group.wait()
    return try outcome.get()
  }

  private func run(
    _ gradients: [ParameterBuffer], into total: ParameterBuffer, ranges: [Range<Int>], figures: inout [Double],
    shares: [Range<Int>], tree: SummationTree, nodes: [[SummationTree.Node]]
  ) throws {
    let (rank, size) = (ranks.rank, ranks.size)
    precondition(gradients.count == nodes[rank].count)
    let length = ranges.reduce(0) { $0 + $1.count }
    func stretch(_ rank: Int) -> Range<Int> { rank * length / size..<(rank + 1) * length / size }
    let mine = stretch(rank)
    wire.reserve(length * max(1, gradients.count))
    received.reserve(mine.count * nodes.reduce(0) { $0 + $1.count })
    result.reserve(mine.count)

    // Stretch by stretch, and in each the gradients one after the other: a rank gets its stretch in one message.
    for (index, gradient) in gradients.enumerated() {
      for rank in 0..<size {
        let stretch = stretch(rank)
        let start = gradients.count * stretch.lowerBound + index * stretch.count
        copy(gradient, ranges, stretch, to: wire.values(start..<start + stretch.count))
      }
    }
    // Where each rank's gradients lie in `received`.
    var starts = [0]
    for nodes in nodes { starts.append(starts[starts.count - 1] + nodes.count * mine.count) }
    received.values(starts[rank]..<starts[rank + 1]).copy(
      from: wire.values(gradients.count * mine.lowerBound..<gradients.count * mine.upperBound))
    let others = (0..<size).filter { $0 != rank }
    try ranks.exchange(
      send: others.map { other in
        let stretch = stretch(other)
        return (other, wire.bytes(gradients.count * stretch.lowerBound..<gradients.count * stretch.upperBound))
      },
      receive: others.map { ($0, received.mutableBytes(starts[$0]..<starts[$0 + 1])) })

    for addition in tree.reduce(nodes.flatMap { $0 }).additions {
      add(
        received.part(addition.source, of: mine.count), to: received.values(part(addition.target, of: mine.count)))
    }
    // Everything is summed into the first gradient's place.
    result.values(0..<mine.count).copy(from: received.values(0..<mine.count))
    try figures.withUnsafeMutableBytes { figures in
      func bytes(_ rank: Int) -> UnsafeMutableRawBufferPointer {
        let stride = MemoryLayout<Double>.stride
        return UnsafeMutableRawBufferPointer(
          rebasing: figures[shares[rank].lowerBound * stride..<shares[rank].upperBound * stride])
      }
      try ranks.exchange(
        send: others.flatMap {
          [($0, result.bytes(0..<mine.count)), ($0, UnsafeRawBufferPointer(bytes(rank)))]
        },
        receive: others.flatMap { [($0, wire.mutableBytes(stretch($0))), ($0, bytes($0))] })
    }
    wire.values(mine).copy(from: result.values(0..<mine.count))
    var position = 0
    for range in ranges {
      total.values[part: range].copy(from: wire.values(position..<position + range.count))
      position += range.count
    }
  }

  private func part(_ position: Int, of length: Int) -> Range<Int> { position * length..<(position + 1) * length }

  /// Copies a stretch of the ranges laid end to end.
  private func copy(
    _ gradient: ParameterBuffer, _ ranges: [Range<Int>], _ stretch: Range<Int>,
    to out: UnsafeMutableBufferPointer<Float>
  ) {
    var position = 0
    for range in ranges {
      let piece = (position..<position + range.count).clamped(to: stretch)
      if !piece.isEmpty {
        let from = range.lowerBound + piece.lowerBound - position
        out[part: piece.lowerBound - stretch.lowerBound..<piece.upperBound - stretch.lowerBound].copy(
          from: gradient.values[part: from..<from + piece.count])
      }
      position += range.count
    }
  }
}

/// Floats that grow to what was most asked for. Contents are undefined.
private struct FloatBuffer: ~Copyable {
  private var memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: 0)

  deinit { memory.deallocate() }

  mutating func reserve(_ count: Int) {
    guard count > memory.count else { return }
    memory.deallocate()
    memory = .allocate(capacity: count + count / 8)
  }

  func values(_ range: Range<Int>) -> UnsafeMutableBufferPointer<Float> { memory[part: range] }
  func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(values(range)) }
  func mutableBytes(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(values(range))
  }
  /// The `position`-th of parts of equal length.
  func part(_ position: Int, of length: Int) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(values(position * length..<(position + 1) * length))
  }
}
