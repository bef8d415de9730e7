import Collectives
import Distillation
import Encoders
import Kernels
import Text

/// One optimizer step's gradient: micro-batches run end to end on worker threads of all ranks, then summed.
package struct GradientStep {
  private let student: Encoder
  private let teacher: Teacher?
  private let objective: StageObjective
  private let weights: ParameterBuffer
  private let places: Places
  private let workers: [Worker]

  /// The longest micro-batch in tokens, which bounds the memory of activations.
  private static let longestMicroBatch = 4096

  package init(
    student: Encoder, teacher: Teacher?, objective: StageObjective, weights: ParameterBuffer, places: Places
  ) {
    self.student = student
    self.teacher = teacher
    self.objective = objective
    self.weights = weights
    self.places = places
    workers = (0..<places.pool.workers).map { _ in Worker(gradient: weights.layout) }
  }

  /// The gradient of the last `run`, summed over ranks.
  package var gradient: ParameterBuffer { workers[0].gradient! }

  /// Computes the gradient of a global batch, the same on every rank, and its losses.
  ///
  /// - Parameters:
  ///   - samples: the global batch: rows of `data`.
  ///   - updated: the parameters whose gradient is wanted.
  /// - Returns: the losses, and the rows of the word embeddings that have a gradient: the batch's words, in order.
  ///   Other rows of `gradient` are undefined.
  package func run(
    samples: ArraySlice<Int>, data: TokenizedDataset, microBatches: TrainingSettings.MicroBatches, dropout: DropoutKey,
    updated: UpdatedParameters
  ) throws -> (losses: StageObjective.Losses, rows: [Int]) {
    // Every rank knows the whole batch, and so the same rows, before anything is computed.
    let rows = updated.byRows.map { data.words(of: samples, vocabulary: $0.rows) } ?? []
    let rowRanges = rows.map(updated.range(ofRow:))
    let ranges = updated.wholeRanges + rowRanges
    let headOnly = ranges.allSatisfy { student.parameters.headRange.contains($0.lowerBound) }
    let counts = GlobalCounts(lengths: samples.lazy.map { data.length($0) })
    let parts = MicroBatches.cut(
      samples, into: count(microBatches, tokens: counts.tokens), length: { data.length($0) })
    // Each place, over ranks and their workers, takes a contiguous stretch of micro-batches.
    let sums = perWorker { worker in
      let place = places.place(rank: places.ranks.rank, worker: worker)
      var sums = objective.zero
      workers[worker].gradient!.zero(ranges)
      let own = place * parts.count / places.count..<(place + 1) * parts.count / places.count
      for index in own where !parts[index].isEmpty {
        compute(
          data.batch(parts[index]), counts: counts, dropout: dropout, headOnly: headOnly, worker: workers[worker],
          into: &sums)
      }
      return sums
    }
    sumGradients(ranges)
    for range in updated.wholeRanges { try places.ranks.sum(gradient.values[part: range]) }
    try sumOverRanks(rowRanges)
    var total = objective.zero
    for part in sums { for index in total.values.indices { total.values[index] += part.values[index] } }
    try places.ranks.sum(&total.values)
    return (objective.losses(total, counts: counts, hasLabels: objective.labelWeight != 0), rows)
  }

  /// Sums many short ranges in one piece.
  private func sumOverRanks(_ ranges: [Range<Int>]) throws {
    guard places.ranks.size > 1, let width = ranges.first?.count else { return }
    var packed = [Float](unsafeUninitializedCapacity: ranges.count * width) { buffer, count in
      for (index, range) in ranges.enumerated() {
        _ = buffer[index * width..<(index + 1) * width].initialize(fromContentsOf: gradient.values[range])
      }
      count = ranges.count * width
    }
    try packed.withUnsafeMutableBufferPointer { try places.ranks.sum($0) }
    packed.withUnsafeBufferPointer { packed in
      for (index, range) in ranges.enumerated() {
        _ = gradient.values[part: range].update(fromContentsOf: packed[index * width..<(index + 1) * width])
      }
    }
  }

  private func count(_ setting: TrainingSettings.MicroBatches, tokens: Int) -> Int {
    switch setting {
    case .count(let count): return count
    case .auto:
      // One for each place, or as many for each as keeps them short.
      let tokensPerRound = places.count * Self.longestMicroBatch
      return places.count * max(1, (tokens + tokensPerRound - 1) / tokensPerRound)
    }
  }

  /// Teacher forward, student forward, losses and student backward of one micro-batch.
  private func compute(
    _ batch: Batch, counts: GlobalCounts, dropout: DropoutKey, headOnly: Bool, worker: Worker,
    into sums: inout StageObjective.Sums
  ) {
    let arena = worker.arena
    arena.reset()
    let features = teacher?.features(of: batch, taps: objective.teacherTaps, arena: arena) ?? Taps()
    let pass = student.forward(
      batch, weights: weights, taps: objective.studentTaps, arena: arena, dropout: dropout)
    let gradients = pass.makeGradients()
    objective.accumulate(
      TapPair(
        batch: batch, teacher: features, student: pass.taps, dStudent: gradients, weights: weights,
        gradient: worker.gradient, arena: arena),
      counts: counts, into: &sums)
    pass.backward(gradients, gradient: worker.gradient!, headOnly: headOnly)
  }

  /// Adds every worker's gradient to the first's, in a binary tree, stretch by stretch.
  private func sumGradients(_ ranges: [Range<Int>]) {
    guard workers.count > 1 else { return }
    let length = 1 << 16
    let stretches = ranges.flatMap { range in
      stride(from: range.lowerBound, to: range.upperBound, by: length).map { $0..<min($0 + length, range.upperBound) }
    }
    let workers = workers
    places.pool.forEach(stretches.indices) { index in
      var step = 1
      while step < workers.count {
        for target in stride(from: 0, to: workers.count - step, by: 2 * step) {
          add(
            UnsafeBufferPointer(workers[target + step].gradient!.values[part: stretches[index]]),
            to: workers[target].gradient!.values[part: stretches[index]])
        }
        step *= 2
      }
    }
  }

  /// Runs `body` on every worker and returns the results in their order.
  private func perWorker(_ body: @Sendable (Int) -> StageObjective.Sums) -> [StageObjective.Sums] {
    var results = [StageObjective.Sums](repeating: objective.zero, count: places.pool.workers)
    results.withUnsafeMutableBufferPointer { results in
      // Each worker writes the element of its index.
      nonisolated(unsafe) let results = results
      places.pool.run { results[$0] = body($0) }
    }
    return results
  }
}

extension ParameterBuffer {
  fileprivate func zero(_ ranges: [Range<Int>]) {
    for range in ranges { values[part: range].update(repeating: 0) }
  }
}

extension TokenizedDataset {
  /// The token ids that occur in some rows, in order.
  fileprivate func words(of samples: ArraySlice<Int>, vocabulary: Int) -> [Int] {
    var occurs = [Bool](repeating: false, count: vocabulary)
    for token in batch(samples).tokens { occurs[Int(token)] = true }
    return occurs.indices.filter { occurs[$0] }
  }
}
