import Distillation
import Encoders
import Kernels
import Text

/// The memory of a run in bytes: of a rank, and of what the ranks of a host share.
package struct MemoryPlan: Sendable, Equatable {
  /// While models are read: every rank reads all of both.
  package let loading: Int
  /// At the fullest moment after that.
  package let training: Int
  /// Of it: weights, gradients, moments, activations, and what is sent and received.
  package let weights: Int
  package let gradients: Int
  package let moments: Int
  package let activations: Int
  package let messages: Int
  /// The teacher's packed weights, once on each host.
  package let sharedTeacher: Int
  /// Program, libraries, tokenizer and data.
  package let base: Int

  /// The most that the ranks of a host use together. What one of them packs for all it gives back itself meanwhile.
  package func host(ranks: Int) -> Int { max(ranks * loading, ranks * training + sharedTeacher) }

  /// A process before it has read anything: the program, OpenBLAS's buffers and MPI's.
  private static let program = 45 << 20
  private static let floatBytes = 4.0

  init(_ plan: RunPlan, ranks: Int, threads: Int) {
    let (shapes, train) = (plan.shapes, plan.train)
    let places = ranks * threads
    // Ids, segments, starts and labels, and the order of an epoch; of what is mapped this alone. And of each piece of the
    // vocabulary its text and places in the trie.
    var data = 0.0
    for figures in [plan.train, plan.validation].compactMap({ $0 }) {
      let rows = figures.all.sentences
      data += figures.mappedBytes > 0 ? 4.0 * rows : 5.0 * figures.all.tokens + 12.0 * rows
    }
    base = Self.program + Int(data) + 250 * shapes.student.vocabularySize

    let studentBytes = Self.floatBytes * Double(shapes.studentParameters)
    var teacherBytes = 0.0
    var teacherLeft = 0.0
    var shared = 0.0
    if let teacher = shapes.teacher {
      teacherBytes = Self.floatBytes * Double(shapes.teacherParameters)
      let precisions = plan.configuration.teachers.filter(\.predictions.isEmpty).map(\.precision.resolved)
      let panels = Self.packed(teacher, taps: plan.teacherTaps, precisions.first ?? .float32)
      shared = panels ?? 0
      let words = Self.rows(train.words, width: teacher.embeddingWidth)
      let positions = Self.floatBytes * Double(teacher.maxPositions * teacher.embeddingWidth)
      teacherLeft = panels == nil ? teacherBytes : words + positions
      for (other, precision) in zip(shapes.otherTeachers, precisions.dropFirst()) {
        let bytes = Self.floatBytes * Double(ModelShapes.parameters(other))
        let panels = Self.packed(other, taps: plan.teacherTaps, precision)
        teacherBytes += bytes
        shared += panels ?? 0
        teacherLeft +=
          panels == nil
          ? bytes
          : Self.rows(train.words, width: other.hiddenSize)
            + Self.floatBytes * Double(other.maxPositions * other.hiddenSize)
      }
    }
    sharedTeacher = Int(shared)
    loading = base + Int(studentBytes + teacherBytes)

    var fullest: (total: Double, weights: Double, gradients: Double, moments: Double, arena: Double, wire: Double) = (
      0, 0, 0, 0, 0, 0
    )
    for (index, stage) in plan.stages.enumerated() {
      let weights = Self.floatBytes * Double(stage.parameters)
      let trained =
        Self.floatBytes * Double(stage.wholeValues)
        + (stage.rowWidth > 0 ? Self.rows(train.words, width: stage.rowWidth) : 0)
      let gradients = Double(threads * Self.gradientsOfWorker(stage, places: places)) * trained
      let moments = stage.settings.training.optimizer.kind == .adamw ? 2 * trained : 0
      let wire = ranks > 1 ? Self.messages(stage, ranks: ranks, places: places) : 0
      var arena = Double(threads) * Self.activations(stage, shapes, places: places, longest: train.longest)
      if plan.validation != nil {
        // Weights are packed for validation, which has arenas of its own.
        arena += Self.packed(shapes.student, taps: stage.studentTaps.union([.logits])) ?? 0
        arena += Double(threads) * Self.validationArena(stage, shapes, train: train)
      }
      let own = if case .count(let count) = stage.settings.training.microBatches { count / ranks } else { threads }
      let precision = stage.settings.training.precision.arithmetic
      if precision != .float32 || own > 1 {
        arena += Self.packed(shapes.student, taps: stage.studentTaps, precision, learning: true) ?? 0
      }
      if stage.keepsOutputs {
        arena += Self.floatBytes * train.all.sentences * Double(shapes.student.hiddenSize)
      }
      // The next stage's student or the one that is tested, and its bytes as they are sent.
      let isLast = index == plan.stages.count - 1
      let tests = plan.configuration.data.test != nil
      let next =
        isLast
        ? (tests ? 2 * studentBytes : 0) : (plan.stages[index + 1].settings.initialize == .best ? 2 : 1) * studentBytes
      let total = weights + gradients + moments + wire + arena + next
      if total > fullest.total { fullest = (total, weights + next, gradients, moments, arena, wire) }
    }
    training = base + Int(fullest.total + teacherLeft)
    weights = Int(fullest.weights + teacherLeft)
    gradients = Int(fullest.gradients)
    moments = Int(fullest.moments)
    activations = Int(fullest.arena)
    messages = Int(fullest.wire)
  }

  // MARK: Parts

  /// Bytes of the pages that some rows of a matrix lie on.
  private static func rows(_ rows: [Int], width: Int) -> Double {
    let page = 4096
    var pages = 0
    var last = -1
    for row in rows {
      let first = max(row * width * 4 / page, last + 1)
      last = max(last, ((row + 1) * width * 4 - 1) / page)
      pages += last - first + 1
    }
    return Double(pages * page)
  }

  /// `nil` where this processor has no kernel for packed weights.
  private static func packed(
    _ configuration: EncoderConfiguration, taps: TapSelection, _ precision: Precision = .float32, learning: Bool = false
  ) -> Double? {
    var layout = ParameterLayout()
    let slots = Encoder(configuration, layout: &layout).linearWeights(for: taps)
    return PackedWeights.bytes(slots, precision: precision, learning: learning).map(Double.init)
  }

  /// Pinned micro-batches are summed in a tree.
  private static func gradientsOfWorker(_ stage: StagePlan, places: Int) -> Int {
    guard case .count(let count) = stage.settings.training.microBatches else { return 1 }
    let own = max(1, (count + places - 1) / places)
    return own.bitWidth - own.leadingZeroBitCount + (own > 1 ? 1 : 0)
  }

  /// `GradientSum`: of a chunk, own gradients where they are packed, what arrives, and what leaves. An eighth is kept in
  /// reserve.
  private static func messages(_ stage: StagePlan, ranks: Int, places: Int) -> Double {
    let longest = max(stage.longestSum, stage.batches.mostWords * stage.rowWidth)
    let chunk = min(longest, GradientSum.chunkLength(segment: GradientStep.leastSegment))
    let terms = stage.settings.training.microBatches == .auto ? 1 : gradientsOfWorker(stage, places: places)
    // Where ranks fold, a whole chunk arrives besides its halves, quarters and so on.
    let copies = ranks.nonzeroBitCount == 1 ? 2.5 : 3.5
    return 1.125 * floatBytes * copies * Double(terms * chunk)
  }

  private static func activations(
    _ stage: StagePlan, _ shapes: ModelShapes, places: Int, longest: Int
  ) -> Double {
    let mean = stage.batches.mean
    let tokens = max(Double(longest), stage.batches.mostTokens / Double(stage.microBatches(places: places)))
    return arena(stage, shapes, mean * (tokens / max(1, mean.tokens)), learns: true)
  }

  private static func validationArena(_ stage: StagePlan, _ shapes: ModelShapes, train: DatasetFigures) -> Double {
    let tokens = max(Double(Evaluation.microBatchTokens), Double(train.longest))
    return arena(stage, shapes, train.all * (tokens / max(1, train.all.tokens)), learns: false)
  }

  /// One worker's.
  private static func arena(
    _ stage: StagePlan, _ shapes: ModelShapes, _ text: TextFigures, learns: Bool
  ) -> Double {
    let memory = ActivationMemory(text)
    var teacher = (kept: 0.0, most: 0.0)
    if let configuration = shapes.teacher, !stage.teacherTaps.isEmpty {
      teacher = memory.inference(configuration, taps: stage.teacherTaps)
    }
    let own =
      learns && !stage.keepsOutputs
      ? memory.training(shapes.student, taps: stage.studentTaps, projected: stage.projectedWidth)
      : memory.inference(shapes.student, taps: stage.studentTaps.union([.logits])).most
    return floatBytes * max(teacher.most, teacher.kept + own)
  }
}
