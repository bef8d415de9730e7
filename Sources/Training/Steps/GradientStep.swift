import Collectives
import Dispatch
import Distillation
import Encoders
import Kernels
import Text

/// One optimizer step's gradient: micro-batches run end to end on worker threads of all ranks, then summed.
package struct GradientStep: Sendable {
  private let student: Encoder
  private let teacher: (any TeacherSource)?
  private let objective: StageObjective
  private let weights: ParameterBuffer
  private let places: Places
  private let workers: [Worker]
  private let sum: GradientSum
  private let frozenOutputs: FrozenEncoderOutputs?

  /// The longest micro-batch in tokens, which bounds the memory of activations.
  private static let longestMicroBatch = 4096

  /// - Parameter frozenOutputs: where only the head is trained, what the encoder below it gave before.
  package init(
    student: Encoder, teacher: (any TeacherSource)?, objective: StageObjective, weights: ParameterBuffer,
    places: Places, frozenOutputs: FrozenEncoderOutputs? = nil
  ) {
    self.student = student
    self.teacher = teacher
    self.objective = objective
    self.weights = weights
    self.places = places
    workers = (0..<places.pool.workers).map { _ in Worker(gradient: weights.layout) }
    sum = GradientSum(ranks: places.ranks)
    self.frozenOutputs = frozenOutputs
  }

  /// The gradient of the last `run`, summed over ranks.
  package var gradient: ParameterBuffer { workers[0].gradient(0) }

  /// What a step gives besides its gradient.
  package struct Result {
    package let losses: StageObjective.Losses
    /// The rows of the word embeddings that have a gradient: the batch's words, in order. Other rows of `gradient` are
    /// undefined.
    package let rows: [Int]
    /// How long this rank's workers waited for the sum over ranks.
    package let exposedCommunication: Duration
  }

  /// What the workers of this rank share during a step.
  private struct Step: Sendable {
    let data: TokenizedDataset
    /// The micro-batches of all ranks.
    let parts: [[Int]]
    let sharing: Sharing
    let counts: GlobalCounts
    let dropout: DropoutKey
    let headOnly: Bool
    /// The parameters that are updated.
    let ranges: [Range<Int>]
  }

  /// Computes the gradient of a global batch, the same on every rank, and its losses.
  ///
  /// While gradients are summed over ranks, the teacher runs on the next batch: it does not depend on the student.
  /// - Parameters:
  ///   - samples: the global batch: rows of `data`.
  ///   - next: the batch of the next step, if there is one.
  ///   - updated: the parameters whose gradient is wanted.
  package func run(
    samples: ArraySlice<Int>, next: ArraySlice<Int>? = nil, data: TokenizedDataset,
    microBatches: TrainingSettings.MicroBatches, dropout: DropoutKey, updated: UpdatedParameters
  ) throws -> Result {
    // Every rank knows the whole batch, and so the same rows, before anything is computed.
    let rows = updated.byRows.map { data.words(of: samples, vocabulary: $0.rows) } ?? []
    let ranges = updated.wholeRanges + rows.map(updated.range(ofRow:))
    let parts = cut(samples, data, microBatches)
    let step = Step(
      data: data, parts: parts, sharing: Sharing(microBatches, microBatches: parts.count, places: places),
      counts: GlobalCounts(lengths: samples.lazy.map { data.length($0) }), dropout: dropout,
      headOnly: ranges.allSatisfy { student.parameters.headRange.contains($0.lowerBound) }, ranges: ranges)
    var figures = [Double](repeating: 0, count: parts.count * objective.zero.values.count)
    let own = sumOverWorkers(accumulate(step, &figures), step)
    var exposed = Duration.zero
    if places.ranks.size > 1 {
      exposed = try sumOverRanks(own, step, &figures, next: next.map { cut($0, data, microBatches) })
    } else if let first = own.first, first !== gradient {
      for range in ranges { gradient.values[part: range].copy(from: first.values[part: range]) }
    }
    // Micro-batch by micro-batch, whoever computed it.
    var total = objective.zero
    for (index, figure) in figures.enumerated() { total.values[index % total.values.count] += figure }
    return Result(
      losses: objective.losses(total, counts: step.counts, hasLabels: objective.labelWeight != 0), rows: rows,
      exposedCommunication: exposed)
  }

  private func cut(
    _ samples: ArraySlice<Int>, _ data: TokenizedDataset, _ setting: TrainingSettings.MicroBatches
  ) -> [[Int]] {
    let count: Int
    switch setting {
    case .count(let pinned): count = pinned
    case .auto:
      count = Self.microBatches(tokens: samples.reduce(0) { $0 + data.length($1) }, places: places.count)
    }
    return MicroBatches.cut(samples, into: count) { data.length($0) }
  }

  /// One for each place, or as many for each as keeps them short.
  static func microBatches(tokens: Int, places: Int) -> Int {
    let tokensPerRound = places * longestMicroBatch
    return places * max(1, (tokens + tokensPerRound - 1) / tokensPerRound)
  }

  // MARK: Micro-batches

  /// A sum of micro-batches' gradients.
  private struct PartialSum: Sendable {
    let node: SummationTree.Node
    let gradient: ParameterBuffer
  }

  /// Computes this rank's micro-batches. Returns each worker's sums, in order, and writes their losses' sums to
  /// `figures` (micro-batches, terms).
  private func accumulate(_ step: Step, _ figures: inout [Double]) -> [[PartialSum]] {
    var results = [[PartialSum]](repeating: [], count: workers.count)
    results.withUnsafeMutableBufferPointer { results in
      figures.withUnsafeMutableBufferPointer { figures in
        // Each worker writes the elements of its index and of its micro-batches.
        nonisolated(unsafe) let (results, figures) = (results, figures)
        let (workers, objective) = (workers, objective)
        places.pool.run { index in
          results[index] = accumulate(worker: index, step) { part, gradient in
            let sums = compute(part, step, workers[index], gradient: gradient)
            let terms = objective.zero.values.count
            for term in 0..<terms { figures[part * terms + term] = sums.values[term] }
          }
        }
      }
    }
    return results
  }

  private func accumulate(
    worker index: Int, _ step: Step, compute: (_ part: Int, _ gradient: ParameterBuffer) -> Void
  ) -> [PartialSum] {
    let (worker, own) = (workers[index], step.sharing.microBatches(worker: index))
    guard step.sharing.isPinned else {
      worker.gradient(0).zero(step.ranges)
      for part in own { compute(part, worker.gradient(0)) }
      return [PartialSum(node: SummationTree(leaves: workers.count).leaf(index), gradient: worker.gradient(0))]
    }
    let tree = step.sharing.tree
    var progress = SummationTree.Progress()
    for part in own {
      var last = progress.nodes.count
      worker.gradient(last).zero(step.ranges)
      compute(part, worker.gradient(last))
      for _ in 0..<tree.append(tree.leaf(part), to: &progress) {
        worker.gradient(last - 1).add(worker.gradient(last), step.ranges)
        last -= 1
      }
    }
    return progress.nodes.enumerated().map { PartialSum(node: $1, gradient: worker.gradient($0)) }
  }

  /// Teacher forward, student forward, losses and student backward of one micro-batch. Returns its losses' sums.
  private func compute(
    _ part: Int, _ step: Step, _ worker: Worker, gradient: ParameterBuffer
  ) -> StageObjective.Sums {
    var sums = objective.zero
    guard !step.parts[part].isEmpty else { return sums }
    let batch = step.data.batch(step.parts[part])
    let features = worker.features(of: batch, teacher: teacher)
    let pass =
      step.headOnly
      ? forwardHead(batch, step, worker.arena)
      : student.forward(
        batch, weights: weights, taps: objective.studentTaps, arena: worker.arena, dropout: step.dropout)
    let gradients = pass.makeGradients()
    objective.accumulate(
      TapPair(
        batch: batch, teacher: features, student: pass.taps, dStudent: gradients, weights: weights,
        gradient: gradient, arena: worker.arena),
      counts: step.counts, into: &sums)
    pass.backward(gradients, gradient: gradient, headOnly: step.headOnly)
    return sums
  }

  private func forwardHead(_ batch: Batch, _ step: Step, _ arena: Arena) -> EncoderPass {
    guard let outputs = frozenOutputs else {
      return student.forward(
        batch, weights: weights, taps: objective.studentTaps, arena: arena, dropout: step.dropout)
    }
    let firstTokens = outputs.outputs(of: batch, encoder: student, weights: weights, arena: arena)
    return student.forwardHead(
      batch, firstTokens: firstTokens, weights: weights, arena: arena, dropout: step.dropout)
  }

  // MARK: Sums

  /// Adds up the workers' sums, stretch by stretch, and returns what is left: one, unless micro-batches are pinned to a
  /// number that does not divide among ranks.
  private func sumOverWorkers(_ sums: [[PartialSum]], _ step: Step) -> [ParameterBuffer] {
    let all = sums.flatMap { $0 }
    let tree = step.sharing.isPinned ? step.sharing.tree : SummationTree(leaves: workers.count)
    let reduction = tree.reduce(all.map(\.node))
    let length = 1 << 16
    let stretches = step.ranges.flatMap { range in
      stride(from: range.lowerBound, to: range.upperBound, by: length).map { $0..<min($0 + length, range.upperBound) }
    }
    if !reduction.additions.isEmpty {
      places.pool.forEach(stretches.indices) { index in
        for addition in reduction.additions {
          all[addition.target].gradient.add(all[addition.source].gradient, [stretches[index]])
        }
      }
    }
    return reduction.left.map { all[$0.position].gradient }
  }

  /// Sums gradients over ranks on a thread of its own while the workers run the teacher on the first micro-batches of
  /// the next step. Returns how long they waited.
  private func sumOverRanks(
    _ own: [ParameterBuffer], _ step: Step, _ figures: inout [Double], next: [[Int]]?
  ) throws -> Duration {
    let terms = objective.zero.values.count
    let shares = (0..<places.ranks.size).map { rank in
      let parts = step.sharing.microBatches(rank: rank)
      return parts.lowerBound * terms..<parts.upperBound * terms
    }
    sum.start(
      own, into: gradient, ranges: step.ranges, figures: figures, shares: shares, tree: step.sharing.tree,
      nodes: step.sharing.nodes)
    if let next, let teacher {
      let sharing = Sharing(
        step.sharing.isPinned ? .count(next.count) : .auto, microBatches: next.count, places: places)
      places.pool.run { [workers] index in
        guard let first = sharing.microBatches(worker: index).first, !next[first].isEmpty else { return }
        workers[index].prepare(step.data.batch(next[first]), teacher: teacher)
      }
    }
    let clock = ContinuousClock()
    let start = clock.now
    figures = try sum.finish()
    return clock.now - start
  }
}

extension ParameterBuffer {
  fileprivate func zero(_ ranges: [Range<Int>]) {
    for range in ranges { values[part: range].update(repeating: 0) }
  }

  fileprivate func add(_ other: ParameterBuffer, _ ranges: [Range<Int>]) {
    for range in ranges { Kernels.add(UnsafeBufferPointer(other.values[part: range]), to: values[part: range]) }
  }
}

extension TokenizedDataset {
  /// The token ids that occur in some rows, in order.
  func words(of samples: some Collection<Int>, vocabulary: Int) -> [Int] {
    var occurs = [Bool](repeating: false, count: vocabulary)
    for token in batch(samples).tokens { occurs[Int(token)] = true }
    return occurs.indices.filter { occurs[$0] }
  }
}
