import Collectives
import Distillation
import Encoders
import Kernels
import Synchronization
import Text

/// A pass over a dataset without gradients, shared among ranks and their workers.
///
/// The dataset is cut into micro-batches by a function of its lengths alone, and results are put together in the order
/// of its rows: any number of ranks and threads gives the same bits.
struct Evaluation {
  private let student: Encoder
  private let weights: ParameterBuffer
  private let teacher: (any TeacherSource)?
  private let objective: StageObjective
  private let places: Places
  private let packed: PackedWeights?
  private let selection: TapSelection
  /// How many rows are compared with each other: those of a batch that a stage learns from.
  private let comparedRows: Int
  private let workers: [Worker]

  /// What rank 0 learns.
  struct Outcome: Sendable {
    /// The logits of each row of the dataset, in order; where they are of tokens, token after token.
    let logits: [[Float]]
    let losses: StageObjective.Losses
  }

  /// What one micro-batch gives.
  private struct Part {
    /// Row after row.
    let logits: [Float]
    /// The teacher's outputs, where rows are compared by them.
    let teacher: [Float]
    let sums: StageObjective.Sums
  }

  /// Small, so that no worker waits long for the others at the end; packed weights serve few rows as well as many.
  static let microBatchTokens = 512

  init(
    student: Encoder, weights: ParameterBuffer, teacher: (any TeacherSource)?, objective: StageObjective,
    places: Places, precision: Precision = .float32, comparedRows: Int = .max
  ) {
    self.student = student
    self.weights = weights
    self.teacher = teacher
    self.objective = objective
    self.places = places
    self.comparedRows = comparedRows
    selection = student.configuration.outputs == 0 ? objective.studentTaps : objective.studentTaps.union([.logits])
    packed = PackedWeights(
      student.linearWeights(for: selection), of: weights, precision: precision)
    workers = (0..<places.pool.workers).map { _ in Worker(gradient: nil) }
  }

  /// Packs the weights as they now are.
  func pack() {
    if let packed { places.pool.pack(packed) }
  }

  /// - Parameters:
  ///   - packs: whether weights may have changed since they were packed.
  ///   - progress: told the share of this rank's work that is done, by whichever worker did it.
  /// - Returns: the outcome on rank 0, `nil` elsewhere.
  func run(
    _ data: TokenizedDataset, packs: Bool = true, progress: (@Sendable (Double) -> Void)? = nil
  ) throws -> Outcome? {
    let parts = cut(data)
    if packs { pack() }
    let counts = objective.counts(of: 0..<data.count, in: data, comparedIn: compared(data.count))
    let own = indices(ofRank: places.ranks.rank, of: parts.count)
    var results = [[UInt8]](repeating: [], count: own.count)
    let done = Atomic(0)
    results.withUnsafeMutableBufferPointer { results in
      // Each element is written by the one worker that took its index.
      nonisolated(unsafe) let results = results
      places.pool.share(own.indices, arenas: workers) { arena, index, team in
        let part = compute(data.batch(parts[own[index]]), counts, arena, team)
        part.logits.withUnsafeBytes { results[index] += $0 }
        part.teacher.withUnsafeBytes { results[index] += $0 }
        part.sums.values.withUnsafeBytes { results[index] += $0 }
        progress?(Double(done.add(1, ordering: .relaxed).newValue) / Double(own.count))
      }
    }
    guard let all = try places.ranks.gather(results.flatMap { $0 }, to: 0) else { return nil }
    return assemble(all, parts: parts, counts, data)
  }

  /// The rows that are compared with each other, in the order of the dataset. Of a query's texts all are.
  private func compared(_ rows: Int) -> [Range<Int>] {
    let together = objective.task.kind == .pairs ? rows : min(comparedRows, rows)
    return stride(from: 0, to: rows, by: max(1, together)).map { $0..<min($0 + together, rows) }
  }

  /// The micro-batches that a rank computes, as many as its share of workers.
  private func indices(ofRank rank: Int, of count: Int) -> [Int] {
    let first = places.place(rank: rank, worker: 0)
    let own = first..<first + places.workers(ofRank: rank)
    return (0..<count).filter { own.contains($0 % places.count) }
  }

  /// Rows of similar length run together, in micro-batches of about as many tokens.
  private func cut(_ data: TokenizedDataset) -> [[Int]] {
    let order = (0..<data.count).sorted { (data.length($0), $0) < (data.length($1), $1) }
    var parts: [[Int]] = []
    var tokens = Self.microBatchTokens
    for row in order {
      if tokens + data.length(row) > Self.microBatchTokens {
        parts.append([])
        tokens = 0
      }
      parts[parts.count - 1].append(row)
      tokens += data.length(row)
    }
    return parts
  }

  private func compute(_ batch: Batch, _ counts: GlobalCounts, _ arena: Arena, _ team: PassTeam?) -> Part {
    arena.reset()
    let features = teacher?.features(of: batch, arena: arena) ?? Taps()
    let taps = student.infer(
      batch, weights: weights, packed: packed, taps: selection, arena: arena, team: team)
    var sums = objective.zero
    let pair = TapPair(
      batch: batch, teacher: features, student: taps, dStudent: nil, weights: weights, gradient: nil, arena: arena)
    objective.accumulateAdaptors(pair, counts: counts, comparing: false, into: &sums)
    guard selection.contains(.logits) else { return Part(logits: [], teacher: [], sums: sums) }
    let logits = taps.matrix(.logits)
    if objective.task.kind.hasLoss, let hardLoss = objective.task.kind.hardLoss {
      sums.values[0] += hardLoss(objective.task, HardLossTerms(pair: pair, scale: 0))
    }
    let teacher = objective.comparedWidth > 0 ? Array(features.matrix(.logits).values) : []
    return Part(logits: Array(logits.values), teacher: teacher, sums: sums)
  }

  /// Puts the ranks' results in the order of the rows, and adds up sums in the order of the micro-batches.
  private func assemble(
    _ results: [[UInt8]], parts: [[Int]], _ counts: GlobalCounts, _ data: TokenizedDataset
  ) -> Outcome {
    let classes = student.configuration.outputs
    let areOfTokens = student.configuration.problem == .tokens
    var logits = [[Float]](repeating: [], count: data.count)
    var teacher = [[Float]](repeating: [], count: objective.comparedWidth > 0 ? data.count : 0)
    var sums = [StageObjective.Sums](repeating: objective.zero, count: parts.count)
    for (rank, bytes) in results.enumerated() {
      bytes.withUnsafeBytes { bytes in
        var offset = 0
        for index in indices(ofRank: rank, of: parts.count) {
          for row in parts[index] {
            logits[row] = bytes.values(areOfTokens ? data.length(row) * classes : classes, at: &offset)
          }
          if !teacher.isEmpty {
            for row in parts[index] { teacher[row] = bytes.values(objective.comparedWidth, at: &offset) }
          }
          sums[index].values = bytes.values(sums[index].values.count, at: &offset)
        }
      }
    }
    var total = objective.zero
    for part in sums { for term in part.values.indices { total.values[term] += part.values[term] } }
    if objective.comparesSentences {
      for rows in compared(data.count) {
        compare(data.withoutTokens(rows), logits[rows], teacher.isEmpty ? [] : teacher[rows], counts, into: &total)
      }
    }
    return Outcome(
      logits: logits, losses: objective.losses(total, counts: counts, hasLabels: data.labelledRows > 0))
  }

  /// Adds the losses that compare rows with each other.
  private func compare(
    _ batch: Batch, _ student: ArraySlice<[Float]>, _ teacher: ArraySlice<[Float]>, _ counts: GlobalCounts,
    into sums: inout StageObjective.Sums
  ) {
    let arena = workers[0].arena
    arena.reset()
    func taps(_ rows: ArraySlice<[Float]>) -> Taps {
      let out = arena.matrix(rows.count, rows.first?.count ?? 0)
      _ = out.values.update(fromContentsOf: rows.joined())
      return Taps([.logits: .matrix(out)])
    }
    let pair = TapPair(
      batch: batch, teacher: teacher.isEmpty ? Taps() : taps(teacher), student: taps(student), dStudent: nil,
      weights: weights, gradient: nil, arena: arena)
    objective.accumulateAdaptors(pair, counts: counts, comparing: true, into: &sums)
    if objective.learnsFromPairsOfRows, let hardLoss = objective.task.kind.hardLoss {
      sums.values[0] += hardLoss(objective.task, HardLossTerms(pair: pair, scale: 0))
    }
  }
}

extension UnsafeRawBufferPointer {
  /// The next `count` numbers, moving `offset` past them.
  fileprivate func values<Number: BitwiseCopyable>(_ count: Int, at offset: inout Int) -> [Number] {
    defer { offset += count * MemoryLayout<Number>.size }
    return (0..<count).map {
      loadUnaligned(fromByteOffset: offset + $0 * MemoryLayout<Number>.size, as: Number.self)
    }
  }
}
