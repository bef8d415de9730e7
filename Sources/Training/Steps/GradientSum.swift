import Collectives
import Dispatch
import Kernels

/// Sums gradients over ranks on a thread of its own, segment by segment as a backward pass completes them, in log₂ P rounds
/// a chunk: recursive halving, in which each rank ends up with a part of the sum, then doubling, which spreads the parts.
/// As many bytes as the best allreduce moves, and terms are added in the order of a tree, whoever adds them: the result
/// depends neither on the number of ranks nor on how MPI would add.
///
/// `@unchecked Sendable`: between `start` and `finish` only the queue's thread uses what is here.
final class GradientSum: @unchecked Sendable {
  private typealias Floats = UnsafeMutableBufferPointer<Float>

  private let ranks: any Communicator
  private let precision: WirePrecision
  private let method: SumMethod
  private let queue = DispatchQueue(label: "gradient sum", qos: .userInitiated)
  private let group = DispatchGroup()
  private var outcome: Result<Void, any Error> = .success(())
  /// Own gradients as they are sent, where they are not sent from where they lie.
  private var outgoing = WireBuffer()
  /// What others send, where it is not what is added.
  private var incoming = WireBuffer()
  /// Others' gradients of a chunk.
  private var arrivals = WireBuffer()
  /// Own gradients of a chunk of many short ranges.
  private var packed = WireBuffer()

  private let leastInPlace: Int
  private let chunkLength: Int

  /// Shorter messages take as long, and MPI knows none of 2³¹ bytes.
  private static let chunkLengths = 1 << 12...1 << 28

  /// How many numbers are summed at once where a segment has at least as many as `segment`: most segments are one chunk.
  static func chunkLength(segment: Int) -> Int {
    min(max(2 * min(segment, chunkLengths.upperBound), chunkLengths.lowerBound), chunkLengths.upperBound)
  }

  /// - Parameters:
  ///   - leastInPlace: how long a range of parameters is at least that is sent from where it lies. Shorter ones are
  ///     packed, to be sent together.
  ///   - chunkLength: how many numbers are summed at once, at most.
  init(
    ranks: any Communicator, precision: WirePrecision, method: SumMethod = .tree, leastInPlace: Int, chunkLength: Int
  ) {
    self.ranks = ranks
    self.precision = precision
    self.method = method
    self.leastInPlace = leastInPlace
    self.chunkLength = chunkLength
  }

  /// What all ranks know of a sum before anything is computed.
  struct Plan: Sendable {
    let segments: GradientSegments
    let rounds: SummationRounds
    /// Of `figures`, those that each rank has, in the order of ranks.
    let shares: [Range<Int>]
  }

  /// Starts to replace `total` by the sum of all ranks' gradients. Nobody else may use the communicator until `finish`.
  ///
  /// - Parameters:
  ///   - figures: numbers of which each rank has some by the time the last segment is complete, to be shared.
  ///   - own: this rank's gradients, one for each of its nodes, of some complete parameters. Nobody else touches them
  ///     until `finish`; sums gather in them.
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
          let gradients = own(segment.ranges)
          for chunk in chunks(of: segment.ranges) { try sum(gradients, chunk, into: total, plan.rounds) }
        }
        try share(figures, plan)
      }
    }
  }

  /// Waits for the sum.
  func finish() throws {
    group.wait()
    try outcome.get()
  }

  /// What is summed at once, the same on every rank: a piece of one range, or many short ranges.
  private func chunks(of ranges: [Range<Int>]) -> [[Range<Int>]] {
    var chunks: [[Range<Int>]] = []
    var short: [Range<Int>] = []
    var length = 0
    for range in ranges {
      for start in stride(from: range.lowerBound, to: range.upperBound, by: chunkLength) {
        let piece = start..<min(start + chunkLength, range.upperBound)
        guard piece.count < leastInPlace else {
          chunks.append([piece])
          continue
        }
        if length + piece.count > chunkLength {
          chunks.append(short)
          (short, length) = ([], 0)
        }
        short.append(piece)
        length += piece.count
      }
    }
    return short.isEmpty ? chunks : chunks + [short]
  }

  private func sum(
    _ gradients: [ParameterBuffer], _ ranges: [Range<Int>], into total: ParameterBuffer, _ rounds: SummationRounds
  ) throws {
    if let range = ranges.first, ranges.count == 1 {
      return try sum(gradients.map { $0.values[part: range] }, into: total.values[part: range], rounds)
    }
    let length = ranges.reduce(0) { $0 + $1.count }
    packed.reserve(length * max(1, gradients.count), .float32)
    let operands = gradients.indices.map { packed.floats($0 * length..<($0 + 1) * length) }
    for (gradient, operand) in zip(gradients, operands) {
      forEachPlace(of: ranges) { range, place in operand[part: place].copy(from: gradient.values[part: range]) }
    }
    let result = packed.floats(0..<length)
    try sum(operands, into: result, rounds)
    forEachPlace(of: ranges) { range, place in total.values[part: range].copy(from: result[part: place]) }
  }

  /// Calls `body` with each of the ranges, and where it lies when they are laid end to end.
  private func forEachPlace(of ranges: [Range<Int>], _ body: (_ range: Range<Int>, _ place: Range<Int>) -> Void) {
    var start = 0
    for range in ranges {
      body(range, start..<start + range.count)
      start += range.count
    }
  }

  // MARK: Rounds

  /// - Parameters:
  ///   - operands: this rank's terms, each as long as `result`, which may be one of them.
  private func sum(_ operands: [Floats], into result: Floats, _ rounds: SummationRounds) throws {
    if method == .mpi { return try sumByLibrary(operands, into: result) }
    arrivals.reserve(rounds.arrivals(length: result.count), .float32)
    var arrived = 0
    func arriving(_ count: Int, _ length: Int) -> Floats {
      defer { arrived += count * length }
      return arrivals.floats(arrived..<arrived + count * length)
    }
    if case .into(let neighbour) = rounds.pattern.fold {
      try exchange(with: neighbour, send: operands, receive: nil)
      return try exchange(with: neighbour, send: nil, receive: result)
    }
    var operands = operands
    if let folded = rounds.folded {
      let theirs = arriving(folded.theirs, result.count)
      try exchange(with: folded.partner, send: nil, receive: theirs)
      operands = reduce(operands, theirs, folded)
    }
    // Halving: of the part that both have, each keeps a half.
    var part = 0..<result.count
    var parts: [Range<Int>] = []
    for meeting in rounds.meetings {
      parts.append(part)
      let middle = part.lowerBound + part.count / 2
      let (left, right) = (part.lowerBound..<middle, middle..<part.upperBound)
      let (kept, given) = meeting.isLeft ? (left, right) : (right, left)
      func of(_ operand: Floats, _ range: Range<Int>) -> Floats {
        operand[part: range.lowerBound - part.lowerBound..<range.upperBound - part.lowerBound]
      }
      let theirs = arriving(meeting.theirs, kept.count)
      try exchange(with: meeting.partner, send: operands.map { of($0, given) }, receive: theirs)
      operands = reduce(operands.map { of($0, kept) }, theirs, meeting)
      part = kept
    }
    precondition(operands.count == 1, "the leaves of all ranks are not those of the tree")
    if operands[0].baseAddress != result[part: part].baseAddress { result[part: part].copy(from: operands[0]) }
    if precision != .float32 {
      // What others get is what this rank goes on with.
      outgoing.reserve(part.count, precision)
      precision.encode(outgoing.bytes(0..<part.count, precision), from: result[part: part])
      precision.decode(result[part: part], from: outgoing.bytes(0..<part.count, precision))
    }
    // Doubling: each gives the other its half.
    for (meeting, whole) in zip(rounds.meetings, parts).reversed() {
      let other = meeting.isLeft ? part.upperBound..<whole.upperBound : whole.lowerBound..<part.lowerBound
      try exchange(with: meeting.partner, send: [result[part: part]], receive: result[part: other])
      part = whole
    }
    if let folded = rounds.folded { try exchange(with: folded.partner, send: [result], receive: nil) }
  }

  /// The library's sum of what this rank's terms add up to, which may lie where the result is to be.
  private func sumByLibrary(_ operands: [Floats], into result: Floats) throws {
    outgoing.reserve(result.count, .float32)
    let own = outgoing.floats(0..<result.count)
    guard let first = operands.first else {
      own.update(repeating: 0)
      return try ranks.sum(UnsafeBufferPointer(own), into: result)
    }
    own.copy(from: first)
    for operand in operands.dropFirst() { add(UnsafeBufferPointer(operand), to: own) }
    try ranks.sum(UnsafeBufferPointer(own), into: result)
  }

  /// Adds up the terms of two groups as far as they go.
  private func reduce(_ own: [Floats], _ theirs: Floats, _ meeting: SummationRounds.Meeting) -> [Floats] {
    precondition(own.count == meeting.own)
    let length = theirs.count / max(1, meeting.theirs)
    let arrived = (0..<meeting.theirs).map { theirs[part: $0 * length..<($0 + 1) * length] }
    var operands = meeting.isLeft ? own + arrived : arrived + own
    var isOwn = operands.indices.map { meeting.isLeft ? $0 < own.count : $0 >= arrived.count }
    for addition in meeting.reduction.additions {
      var (target, source) = (addition.target, addition.source)
      // The order of two terms does not matter: sums gather where this rank's gradients are.
      if isOwn[source], !isOwn[target] { swap(&target, &source) }
      add(UnsafeBufferPointer(operands[source]), to: operands[target])
      operands[addition.target] = operands[target]
      isOwn[addition.target] = isOwn[target]
    }
    return meeting.reduction.left.map { operands[$0.position] }
  }

  /// Sends some terms in one message, an empty one where a rank has none, and receives one.
  private func exchange(with partner: Int, send terms: [Floats]?, receive: Floats?) throws {
    var sent: [(Int, UnsafeRawBufferPointer)] = []
    if let terms, precision == .float32, terms.count == 1 {
      sent = [(partner, UnsafeRawBufferPointer(terms[0]))]
    } else if let terms {
      let length = terms.first?.count ?? 0
      outgoing.reserve(terms.count * length, precision)
      for (index, term) in terms.enumerated() {
        precision.encode(outgoing.bytes(index * length..<(index + 1) * length, precision), from: term)
      }
      sent = [(partner, UnsafeRawBufferPointer(outgoing.bytes(0..<terms.count * length, precision)))]
    }
    guard let receive else { return try ranks.exchange(send: sent, receive: []) }
    guard precision != .float32 else {
      return try ranks.exchange(send: sent, receive: [(partner, UnsafeMutableRawBufferPointer(receive))])
    }
    incoming.reserve(receive.count, precision)
    let bytes = incoming.bytes(0..<receive.count, precision)
    try ranks.exchange(send: sent, receive: [(partner, bytes)])
    precision.decode(receive, from: bytes)
  }

  /// Gives all ranks everybody's figures, by doubling.
  private func share(_ figures: UnsafeMutableBufferPointer<Double>, _ plan: Plan) throws {
    func bytes(_ ranks: Range<Int>) -> UnsafeMutableRawBufferPointer {
      let part = plan.shares[ranks.lowerBound].lowerBound..<plan.shares[ranks.upperBound - 1].upperBound
      return UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: figures[part]))
    }
    let (own, all) = (ranks.rank..<ranks.rank + 1, 0..<ranks.size)
    switch plan.rounds.pattern.fold {
    case .none: break
    case .into(let neighbour):
      try ranks.exchange(send: [(neighbour, UnsafeRawBufferPointer(bytes(own)))], receive: [])
      return try ranks.exchange(send: [], receive: [(neighbour, bytes(all))])
    case .from(let neighbour):
      try ranks.exchange(send: [], receive: [(neighbour, bytes(neighbour..<neighbour + 1))])
    }
    for round in plan.rounds.pattern.rounds {
      try ranks.exchange(
        send: [(round.partner, UnsafeRawBufferPointer(bytes(round.own)))],
        receive: [(round.partner, bytes(round.theirs))])
    }
    if case .from(let neighbour) = plan.rounds.pattern.fold {
      try ranks.exchange(send: [(neighbour, UnsafeRawBufferPointer(bytes(all)))], receive: [])
    }
  }
}
