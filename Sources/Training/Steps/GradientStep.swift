import Collectives
import Dispatch
import Distillation
import Encoders
import Kernels
import Text

/// One optimizer step's gradient: micro-batches run end to end on worker threads of all ranks, then summed.
package struct GradientStep: Sendable {
  let student: Encoder
  private let teacher: (any TeacherSource)?
  let objective: StageObjective
  let weights: ParameterBuffer
  let places: Places
  let workers: [Worker]
  private let sum: GradientSum
  private let frozenOutputs: FrozenEncoderOutputs?
  /// The student's linear maps, in order of their place.
  private let linearWeights: [Slot]
  /// The same, packed anew in each step that several products read them in; `nil` where this processor has no kernel.
  private let packed: PackedWeights?

  /// The longest micro-batch in tokens, which bounds the memory of activations.
  private static let longestMicroBatch = 4096

  /// Of a gradient, how many numbers are worth summing by themselves. Fewer take as long for their latency as for their
  /// bytes.
  static let leastSegment = 1 << 20
  private let leastSegment: Int

  /// - Parameters:
  ///   - precision: what the student's products round their factors to.
  ///   - wire: how gradients travel between ranks.
  ///   - summedBy: who adds them up.
  ///   - leastSegment: how many numbers are summed while the backward pass goes on.
  ///   - frozenOutputs: where only the head is trained, what the encoder below it gave before.
  package init(
    student: Encoder, teacher: (any TeacherSource)?, objective: StageObjective, weights: ParameterBuffer,
    places: Places, precision: Precision = .float32, wire: WirePrecision = .float32,
    summedBy method: SumMethod = .tree, leastSegment: Int = GradientStep.leastSegment,
    frozenOutputs: FrozenEncoderOutputs? = nil
  ) {
    self.student = student
    self.teacher = teacher
    self.objective = objective
    self.weights = weights
    self.places = places
    workers = (0..<places.pool.workers).map { _ in Worker(gradient: weights.layout) }
    // A 64th is not worth copying, to be sent together with others of its segment.
    sum = GradientSum(
      ranks: places.ranks, precision: wire, method: method, leastInPlace: leastSegment / 64,
      chunkLength: GradientSum.chunkLength(segment: leastSegment))
    self.leastSegment = leastSegment
    self.frozenOutputs = frozenOutputs
    linearWeights = student.linearWeights(for: objective.studentTaps).sorted { $0.offset < $1.offset }
    packed = PackedWeights(linearWeights, of: weights, precision: precision, learning: true)
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
  struct Step: Sendable {
    let data: TokenizedDataset
    let objective: StageObjective
    /// The micro-batches of all ranks.
    let parts: [[Int]]
    let sharing: Sharing
    let counts: GlobalCounts
    let dropout: DropoutKey
    let headOnly: Bool
    /// Of this step's weights.
    let packed: PackedWeights?
    /// The parameters that are updated.
    let ranges: [Range<Int>]
    let segments: GradientSegments
    /// (micro-batches, terms): the losses' sums. A worker writes those of its micro-batches.
    nonisolated(unsafe) let figures: UnsafeMutableBufferPointer<Double>
    /// What the models gave for all sentences, where losses compare them.
    var globalBatch: GlobalBatch?
  }

  /// Computes the gradient of a global batch, the same on every rank, and its losses.
  ///
  /// Gradients are summed over ranks layer by layer while the layers below are still at their backward pass, and what is
  /// left of that while the teacher runs on the next batch: it does not depend on the student.
  /// - Parameters:
  ///   - samples: the global batch: rows of `data`.
  ///   - next: the batch of the next step, if there is one.
  ///   - updated: the parameters whose gradient is wanted.
  ///   - objective: with this step's weights, where they change.
  package func run(
    samples: ArraySlice<Int>, next: ArraySlice<Int>? = nil, data: TokenizedDataset,
    microBatches: TrainingSettings.MicroBatches, dropout: DropoutKey, updated: UpdatedParameters,
    objective: StageObjective? = nil
  ) throws -> Result {
    // Every rank knows the whole batch, and so the same rows, before anything is computed.
    let objective = objective ?? self.objective
    let rows = updated.byRows.map { data.words(of: samples, vocabulary: $0.rows) } ?? []
    let ranges = updated.wholeRanges + rows.map(updated.range(ofRow:))
    let parts = cut(samples, data, microBatches)
    let terms = objective.zero.values.count
    let figures = UnsafeMutableBufferPointer<Double>.allocate(capacity: parts.count * terms)
    figures.initialize(repeating: 0)
    defer { figures.deallocate() }
    let isAlone = places.ranks.size == 1
    let headOnly = ranges.allSatisfy { student.parameters.headRange.contains($0.lowerBound) }
    let sharing = Sharing(microBatches, microBatches: parts.count, places: places)
    let own = sharing.microBatches(rank: places.ranks.rank).count { !parts[$0].isEmpty }
    // The head alone has too few products to pack all weights for, and one micro-batch packs what it needs as it goes.
    let packed = headOnly || packed?.precision == .float32 && own < 2 ? nil : packed
    if let packed { places.pool.pack(packed) }
    var step = Step(
      data: data, objective: objective, parts: parts, sharing: sharing,
      counts: objective.counts(of: samples, in: data), dropout: dropout,
      headOnly: headOnly, packed: packed, ranges: ranges,
      segments: GradientSegments(
        of: ranges, in: student.parameters, least: isAlone ? 1 : leastSegment, workers: workers.count),
      figures: figures)
    let clock = ContinuousClock()
    var exposed = Duration.zero
    if objective.comparesSentences { exposed = try gatherOutputs(&step) }
    let sums = PartialSums(
      tree: step.sharing.isPinned ? step.sharing.tree : SummationTree(leaves: workers.count), workers: workers.count)
    if !isAlone { startSum(of: sums, step) }
    places.pool.run { [step] in accumulate(worker: $0, step, into: sums) }
    if isAlone {
      let left = reduce(sums, ranges, isShared: true)
      if let first = left.first, first !== gradient {
        for range in ranges { gradient.values[part: range].copy(from: first.values[part: range]) }
      }
    } else {
      if let next { prepareTeacher(for: cut(next, data, microBatches), step) }
      let start = clock.now
      try sum.finish()
      exposed += clock.now - start
    }
    // Micro-batch by micro-batch, whoever computed it.
    var total = objective.zero
    for (index, figure) in figures.enumerated() { total.values[index % terms] += figure }
    return Result(
      losses: objective.losses(total, counts: step.counts, hasLabels: objective.measuresLabels), rows: rows,
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

  /// Computes one worker's micro-batches, and completes its part of the segments on the way.
  private func accumulate(worker index: Int, _ step: Step, into sums: PartialSums) {
    let (worker, own) = (workers[index], step.sharing.microBatches(worker: index))
    let tree = sums.tree
    var progress = SummationTree.Progress()
    if !step.sharing.isPinned {
      // One gradient takes all micro-batches.
      worker.gradient(0).begin(step.ranges, overwritten: linearWeights)
      _ = tree.append(tree.leaf(index), to: &progress)
    }
    for part in own {
      let place = step.sharing.isPinned ? progress.nodes.count : 0
      var additions = 0
      if step.sharing.isPinned {
        worker.gradient(place).begin(step.ranges, overwritten: linearWeights)
        additions = tree.append(tree.leaf(part), to: &progress)
      }
      // While a layer's gradient is in the processor's cache.
      func conclude(_ ranges: [Range<Int>]) {
        ranges.forEach(worker.gradient(place).settle)
        guard additions > 0 else { return }
        for stretch in Self.stretches(of: ranges, length: 1 << 14) {
          for target in stride(from: place - 1, through: place - additions, by: -1) {
            worker.gradient(target).add(worker.gradient(target + 1), [stretch])
          }
        }
      }
      let isLast = part + 1 == own.upperBound
      if isLast { sums.set(worker: index, progress.nodes, worker) }
      var remaining = GradientSegments.Progress(step.segments, isTold: isLast)
      compute(part, step, worker, gradient: worker.gradient(place)) { remaining.advance(to: $0, conclude) }
      remaining.advance(to: 0, conclude)
    }
    if own.isEmpty {
      if !step.sharing.isPinned { step.ranges.forEach(worker.gradient(0).settle) }
      sums.set(worker: index, progress.nodes, worker)
      var remaining = GradientSegments.Progress(step.segments, isTold: true)
      remaining.advance(to: 0) { _ in }
    }
  }

  /// Teacher forward, student forward, losses and student backward of one micro-batch.
  private func compute(
    _ part: Int, _ step: Step, _ worker: Worker, gradient: ParameterBuffer,
    completed: (_ start: Int) -> Void
  ) {
    guard !step.parts[part].isEmpty else { return }
    var sums = objective.zero
    let pass = worker.waiting ?? forward(part, step, worker)
    worker.waiting = nil
    let gradients = pass.student.makeGradients()
    step.objective.accumulate(
      TapPair(
        batch: pass.batch, teacher: pass.features, student: pass.student.taps, dStudent: gradients, weights: weights,
        gradient: gradient, precision: step.packed?.precision ?? .float32, arena: worker.arena,
        globalBatch: step.globalBatch(of: part)),
      counts: step.counts, into: &sums)
    for (term, sum) in sums.values.enumerated() { step.figures[part * sums.values.count + term] = sum }
    pass.student.backward(gradients, gradient: gradient, headOnly: step.headOnly, completed: completed)
  }

  /// Teacher forward and student forward of one micro-batch. What was in the worker's arena is gone.
  func forward(_ part: Int, _ step: Step, _ worker: Worker) -> Worker.ForwardPass {
    let batch = step.data.batch(step.parts[part])
    let features: Taps
    if let known = step.globalBatch(of: part), objective.comparedWidth > 0, objective.teacherTaps == [.logits] {
      worker.arena.reset()
      features = Taps([.logits: .matrix(known.teacherOutputs(arena: worker.arena))])
    } else {
      features = worker.features(of: batch, teacher: teacher)
    }
    let student =
      step.headOnly
      ? forwardHead(batch, step, worker.arena)
      : student.forward(
        batch, weights: weights, packed: step.packed, taps: objective.studentTaps, arena: worker.arena,
        dropout: step.dropout)
    return Worker.ForwardPass(batch: batch, features: features, student: student)
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

  /// Adds up the workers' gradients of some parameters and returns what is left: one, unless micro-batches are pinned to
  /// a number that does not divide among ranks.
  ///
  /// - Parameter isShared: whether the workers do it, who have nothing else to do.
  private func reduce(_ sums: PartialSums, _ ranges: [Range<Int>], isShared: Bool) -> [ParameterBuffer] {
    let all = sums.inOrder
    let reduction = sums.tree.reduce(all.map(\.node))
    guard !reduction.additions.isEmpty else { return reduction.left.map { all[$0.position].gradient } }
    let stretches = Self.stretches(of: ranges, length: 1 << 16)
    @Sendable func add(_ index: Int) {
      for addition in reduction.additions {
        all[addition.target].gradient.add(all[addition.source].gradient, [stretches[index]])
      }
    }
    if isShared { places.pool.forEach(stretches.indices, add) } else { stretches.indices.forEach(add) }
    return reduction.left.map { all[$0.position].gradient }
  }

  private static func stretches(of ranges: [Range<Int>], length: Int) -> [Range<Int>] {
    ranges.flatMap { range in
      stride(from: range.lowerBound, to: range.upperBound, by: length).map { $0..<min($0 + length, range.upperBound) }
    }
  }

  /// Starts to sum over ranks what the workers are about to compute.
  private func startSum(of sums: PartialSums, _ step: Step) {
    let terms = objective.zero.values.count
    let plan = GradientSum.Plan(
      segments: step.segments,
      rounds: SummationRounds(rank: places.ranks.rank, nodes: step.sharing.nodes, tree: step.sharing.tree),
      shares: (0..<places.ranks.size).map { rank in
        let parts = step.sharing.microBatches(rank: rank)
        return parts.lowerBound * terms..<parts.upperBound * terms
      })
    sum.start(plan, into: gradient, figures: step.figures) { reduce(sums, $0, isShared: false) }
  }

  /// Runs the teacher on each worker's first micro-batch of the next step.
  private func prepareTeacher(for parts: [[Int]], _ step: Step) {
    guard let teacher else { return }
    let sharing = Sharing(
      step.sharing.isPinned ? .count(parts.count) : .auto, microBatches: parts.count, places: places)
    places.pool.run { [workers] index in
      guard let first = sharing.microBatches(worker: index).first, !parts[first].isEmpty else { return }
      workers[index].prepare(step.data.batch(parts[first]), teacher: teacher)
    }
  }
}

extension ParameterBuffer {
  func zero(_ ranges: [Range<Int>]) {
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
