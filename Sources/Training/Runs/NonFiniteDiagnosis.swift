import Distillation
import Encoders
import Kernels
import Text

/// Where a NaN or an infinity came from.
struct NonFiniteDiagnosis {
  /// `the loss`, or `the gradient`, with the terms or the tensor.
  let what: String
  /// The model and layer where it first shows; `nil` where it shows only in sums.
  let origin: Origin?
  /// Rows of the training data, from 1, that give it alone; all of the batch's where none does. Those of texts without
  /// labels are counted on behind the labelled file's.
  let rows: [Int]
  /// The first few of them in words: `row 3`, or `row 3 of texts.txt`.
  let places: [String]
  /// The same rows as the model sees them.
  let sentences: [String]
  let source: String

  struct Origin: Equatable, CustomStringConvertible {
    let isTeacher: Bool
    let place: String

    var description: String { "the \(isTeacher ? "teacher" : "student")'s \(place)" }
  }

  func message(stage: String, step: Int, _ training: TrainingSettings) -> String {
    let remedy =
      origin?.isTeacher == true
      ? "the teacher cannot represent these sentences; use another teacher, or leave them out"
      : training.remedyForDivergence
    var lines = ["stage \(stage), step \(step): \(what) is not a finite number: \(remedy)"]
    if let origin { lines.append("first found in \(origin)") }
    lines.append("in \(source.escapedForDisplay):")
    lines += zip(places, sentences).map { "\($0): \($1)" }
    if rows.count > sentences.count { lines.append("and \(rows.count - sentences.count) more rows") }
    return lines.joined(separator: "\n  ")
  }
}

extension TrainingSettings {
  var remedyForDivergence: String {
    "training has diverged; lower learningRate, now \(learningRate), or maxGradientNorm, now "
      + (maxGradientNorm.map { "\($0)" } ?? "null")
  }
}

extension StageRun {
  /// How many sentences are looked for, and shown.
  private static let mostSentences = 5

  /// Collective: finds out what of a step is not finite. The step is taken apart and run again, which may take as long
  /// as a few steps.
  ///
  /// - Parameters:
  ///   - losses: the step's, whose gradient `gradientStep` still holds.
  ///   - rows: the words that have a gradient.
  func diagnose(
    _ samples: ArraySlice<Int>, losses: StageObjective.Losses, rows: [Int]
  ) throws -> NonFiniteDiagnosis {
    let what: String
    if losses.total.isFinite {
      what = keyOfNonFiniteGradient(rows: rows).map { "the gradient of \($0)" } ?? "the gradient"
    } else {
      let names = terms(losses).filter { !$0.value.isFinite }.map(\.name)
      what = names.isEmpty ? "the loss" : "the loss of \(names.joined(separator: ", "))"
    }
    var found = try culprits(in: samples)
    let isSure = !found.isEmpty
    if !isSure { found = Array(samples) }
    let shown = found.prefix(Self.mostSentences)
    return NonFiniteDiagnosis(
      what: what, origin: isSure ? origin(in: found[0]) : nil, rows: found.map { $0 + 1 },
      places: shown.map { row in
        let origin = inputs.training.origin(of: row, stage: settings, configuration)
        let isText = origin.path != configuration.data.train.path
        return "row \(origin.row + 1)" + (isText ? " of \(origin.path.escapedForDisplay)" : "")
      },
      sentences: shown.map(sentence), source: configuration.data.train.path)
  }

  /// The tensor nearest to the losses whose gradient is not finite: what lies below has it from there.
  private func keyOfNonFiniteGradient(rows: [Int]) -> String? {
    let gradient = gradientStep.gradient
    func isFinite(_ range: Range<Int>) -> Bool {
      sumOfSquares(UnsafeBufferPointer(gradient.values[part: range])).isFinite
    }
    let whole = updated.wholeRanges
    return gradient.layout.entries.last { entry in
      if entry.slot == updated.byRows { return !rows.allSatisfy { isFinite(updated.range(ofRow: $0)) } }
      let range = entry.slot.offset..<entry.slot.offset + entry.slot.count
      return whole.contains { $0.contains(range.lowerBound) } && !isFinite(range)
    }?.key
  }

  /// The first few sentences that are not finite by themselves, found by halving.
  private func culprits(in samples: ArraySlice<Int>) throws -> [Int] {
    var found: [Int] = []
    var pending = [samples]
    while let part = pending.popLast(), found.count < Self.mostSentences {
      let result = try gradientStep.run(
        samples: part, data: rows, microBatches: settings.training.microBatches,
        dropout: dropoutKey(step: progress.step), updated: updated)
      let norm = optimizer.globalNorm(gradientStep.gradient, rows: result.rows, pool: places.pool)
      guard !result.losses.total.isFinite || !norm.isFinite else { continue }
      if part.count == 1 {
        found += part
      } else {
        let middle = part.startIndex + part.count / 2
        pending += [part[middle...], part[..<middle]]
      }
    }
    return found
  }

  /// The first layer of the teacher, else of the student, whose output for a sentence is not finite.
  private func origin(in row: Int) -> NonFiniteDiagnosis.Origin? {
    let batch = rows.batch([row])
    let shape = student.configuration
    let student = FrozenModel(
      student.encoder, weights: weights, taps: shape.outputs > 0 ? [.logits] : [.hidden(shape.layers)])
    if let teacher = session.teacher, !objective.adaptors.isEmpty,
      let place = firstNonFinitePlace(
        of: inputs.teachers.first { $0.model != nil }?.texts?.training[index].batch([row]) ?? batch, teacher)
    {
      return .init(isTeacher: true, place: place)
    }
    return firstNonFinitePlace(of: batch, student).map { .init(isTeacher: false, place: $0) }
  }

  private func firstNonFinitePlace(of batch: Batch, _ model: FrozenModel) -> String? {
    let arena = Arena()
    let depth = model.taps.depth(of: model.encoder.configuration)
    var selection = TapSelection(.hidden, layers: 0...depth)
    if model.taps.contains(.logits) { selection.insert(.logits) }
    let taps = model.infer(batch, taps: selection, arena: arena)
    func isFinite(_ matrix: Matrix) -> Bool {
      (0..<matrix.rows).allSatisfy { row in
        sumOfSquares(UnsafeBufferPointer(matrix.rows(row..<row + 1).values)).isFinite
      }
    }
    for layer in 0...depth {
      if !isFinite(taps.matrix(.hidden(layer))) { return layer == 0 ? "embeddings" : "layer \(layer)" }
    }
    if selection.contains(.logits), !isFinite(taps.matrix(.logits)) { return "classification head" }
    return nil
  }

  /// A row's first tokens, safe to show.
  private func sentence(_ row: Int) -> String {
    let tokens = rows.batch([row]).tokens
    let shown = tokens.prefix(16).map { inputs.tokenizer.token(of: $0) ?? "#\($0)" }.joined(separator: " ")
    return shown.quoted + (tokens.count > 16 ? " …" : "")
  }
}
