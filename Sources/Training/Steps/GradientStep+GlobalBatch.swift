import Collectives
import Distillation
import Kernels
import Text

/// The first phase of a step whose losses compare sentences of the whole global batch (Gao et al., 2021, GradCache): both
/// models run forward, and what they give for each sentence goes to all ranks. In the second, each micro-batch runs as
/// always, with the gradient of its own sentences.
extension GradientStep {
  /// Collective. A worker with a single micro-batch keeps its pass for the second phase; of several each is run again
  /// there, under the same dropout.
  ///
  /// - Returns: how long this rank waited for others.
  func gatherOutputs(_ step: inout Step) throws -> Duration {
    let widths = (student: student.configuration.outputs, teacher: objective.comparedWidth)
    let starts = step.parts.starts
    // (sentences, the student's outputs, then the teacher's)
    let width = widths.student + widths.teacher
    let rows = UnsafeMutableBufferPointer<Float>.allocate(capacity: starts[step.parts.count] * width)
    rows.initialize(repeating: 0)
    defer { rows.deallocate() }
    // Each worker writes the rows of its own micro-batches.
    nonisolated(unsafe) let shared = rows
    places.pool.run { [step] worker in
      let own = step.sharing.microBatches(worker: worker)
      for part in own where !step.parts[part].isEmpty {
        let pass = forward(part, step, workers[worker])
        let outputs = pass.student.taps.matrix(.logits)
        let teacher = widths.teacher > 0 ? pass.features.matrix(.logits) : nil
        for sentence in 0..<pass.batch.sentences {
          let row = UnsafeMutableBufferPointer(
            rebasing: shared[(starts[part] + sentence) * width..<(starts[part] + sentence + 1) * width])
          _ = row.update(fromContentsOf: outputs.rows(sentence..<sentence + 1).values)
          if let teacher {
            let place = UnsafeMutableBufferPointer(rebasing: row[widths.student...])
            _ = place.update(fromContentsOf: teacher.rows(sentence..<sentence + 1).values)
          }
        }
        if own.count == 1 { workers[worker].waiting = pass }
      }
    }
    let clock = ContinuousClock()
    let start = clock.now
    try places.ranks.allGather(
      UnsafeMutableRawBufferPointer(rows),
      stretches: (0..<places.ranks.size).map { rank in
        let parts = step.sharing.microBatches(rank: rank)
        let bytes = width * MemoryLayout<Float>.stride
        return starts[parts.lowerBound] * bytes..<starts[parts.upperBound] * bytes
      })
    let waited = places.ranks.size > 1 ? clock.now - start : .zero
    let sentences = stride(from: 0, to: rows.count, by: width)
    step.globalBatch = GlobalBatch(
      batch: step.data.withoutTokens(step.parts.joined()),
      student: sentences.flatMap { rows[$0..<$0 + widths.student] }, studentWidth: widths.student,
      teacher: sentences.flatMap { rows[$0 + widths.student..<$0 + width] }, teacherWidth: widths.teacher)
    return waited
  }
}

extension GradientStep.Step {
  /// What the models gave for all sentences, and which of them are a micro-batch's.
  func globalBatch(of part: Int) -> GlobalBatch.Part? {
    globalBatch.map { all in
      let starts = parts.starts
      return GlobalBatch.Part(all, sentences: starts[part]..<starts[part + 1])
    }
  }
}

extension [[Int]] {
  /// Where each micro-batch starts in all of them end to end, with the total at the end. (micro-batches + 1)
  fileprivate var starts: [Int] { reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) } }
}
