import Training

/// What rank 0 shows of a run: on a terminal a line for each epoch that is drawn over, elsewhere a line every few
/// seconds.
final class TrainingConsole {
  private let logEvery: Double
  private let isTerminal: Bool
  private let clock = ContinuousClock()
  private var lastShown: ContinuousClock.Instant?
  private var lineIsOpen = false
  /// Sentences and seconds of the stage's steps so far.
  private var sentences = 0
  private var seconds = 0.0
  private var steps = 0

  /// - Parameters:
  ///   - logEvery: seconds between lines where there is no terminal.
  ///   - isTerminal: whether lines can be drawn over.
  init(logEvery: Double, isTerminal: Bool) {
    self.logEvery = logEvery
    self.isTerminal = isTerminal
  }

  func show(_ event: TrainingEvent) {
    switch event {
    case .notice(let text): line("Note: \(text)")
    case .runStarted(let run): show(run)
    case .stageStarted(let stage): show(stage)
    case .step(let step): show(step)
    case .stepSkipped(let step):
      line(
        "Note: step \(step.step) skipped: \(step.what) is not a finite number"
          + "\(step.origin.map { ", first found in \($0)" } ?? ""), row \(step.rows.first ?? 0) of the training data")
    case .validationStarted(_, let rows): if isTerminal { draw("validating on \(grouped(rows)) rows…") }
    case .validated(let report): show(report)
    case .teacherCache(let use): show(use)
    case .attention, .checkpointSaved: break
    case .stageFinished(let stage):
      line("\(stage.stage): \(clockTime(stage.seconds)), \(fixed(stage.sentencesPerSecond, 0)) sentences/s")
    case .runFinished(let run): show(run)
    }
  }

  private func show(_ run: RunOverview) {
    line(
      "\(run.directory): \(counted(run.ranks, "rank")) × \(counted(run.threads, "thread")), \(run.simd), \(run.blas)")
    if let teacher = run.teacher, let parameters = run.teacherParameters {
      line("teacher \(teacher), \(grouped(parameters)) parameters")
    }
    line("student of \(grouped(run.studentParameters)) parameters")
    let truncated = run.truncatedRows > 0 ? ", \(grouped(run.truncatedRows)) truncated" : ""
    let validation = run.validationRows.map { "\(grouped($0)) validation rows" } ?? "no validation data"
    line(
      "\(grouped(run.trainRows)) training rows (\(fixed(run.trainMeanLength, 1)) tokens on average\(truncated)), "
        + validation)
  }

  private func show(_ stage: StageOverview) {
    sentences = 0
    seconds = 0
    steps = 0
    line("")
    line(
      "Stage \(stage.index) of \(stage.count), \(stage.name): \(counted(stage.epochs, "epoch")), "
        + "\(counted(stage.steps, "step")), \(grouped(stage.trainedParameters)) parameters trained")
    var rows = [["  loss", "weight", "student ← teacher layers"]]
    if stage.labelWeight != 0 { rows.append(["  labels", fixed(stage.labelWeight, 2), "–"]) }
    for adaptor in stage.adaptors {
      let pairs = adaptor.pairs.map { "\($0.student) ← \($0.teacher)" }.joined(separator: ", ")
      rows.append(["  \(adaptor.name)", fixed(adaptor.weight, 2), pairs.isEmpty ? "logits" : pairs])
    }
    table(rows).forEach(line)
  }

  private func show(_ step: StepReport) {
    sentences += step.sentences
    seconds += step.seconds
    steps += 1
    let now = clock.now
    let isLast = step.stepInEpoch == step.stepsInEpoch
    let pause = isTerminal ? 0.1 : logEvery
    if let lastShown, !isLast, (now - lastShown).seconds < pause { return }
    lastShown = now
    let rate = Double(sentences) / max(seconds, 1e-9)
    let left = seconds / Double(steps) * Double(step.steps - step.step)
    let facts = [
      "epoch \(step.epoch)/\(step.epochs)", "step \(step.stepInEpoch)/\(step.stepsInEpoch)",
      "loss \(fixed(step.loss, 4))", "lr \(scientific(step.learningRate))", "\(fixed(rate, 0)) sentences/s",
      "\(clockTime(left)) left",
    ]
    if isTerminal { draw(facts.joined(separator: "  ")) } else { line(facts.joined(separator: "  ")) }
  }

  private func show(_ report: ValidationReport) {
    let metrics = report.metrics.map { "\($0.name) \(fixed($0.value, 4))" }.joined(separator: "  ")
    line("epoch \(report.epoch) validation: \(metrics)\(report.isBest ? "  (best so far)" : "")")
  }

  private func show(_ use: TeacherCacheUse) {
    let share = 100 * Double(use.hits) / Double(max(use.sentences, 1))
    line(
      "epoch \(use.epoch) teacher cache: \(fixed(share, 1)) % of \(grouped(use.sentences)) sentences read, "
        + "\(fixed(Double(use.bytesWritten) / 1e6, 1)) MB written, \(fixed(Double(use.bytesInUse) / 1e6, 1)) MB in use")
  }

  private func show(_ run: RunReport) {
    line("")
    var rows = [["stage", "steps", "time", "sentences/s", "val_loss", "accuracy", "macro-F1", "macro-recall"]]
    for stage in run.stages {
      func metric(_ name: String) -> String { stage.best?.value(name).map { fixed($0, 4) } ?? "–" }
      rows.append([
        stage.stage, grouped(stage.steps), clockTime(stage.seconds), fixed(stage.sentencesPerSecond, 0),
        metric("val_loss"), metric("val_accuracy"), metric("val_macro_f1"), metric("val_macro_recall"),
      ])
    }
    table(rows).forEach(line)
    line("Best model: \(run.model)")
  }

  private func counted(_ count: Int, _ noun: String) -> String { "\(grouped(count)) \(noun)\(count == 1 ? "" : "s")" }

  /// A line of its own, below what was drawn.
  private func line(_ text: String) {
    if lineIsOpen { printPart("\n") }
    lineIsOpen = false
    printLine(text)
  }

  /// The line at the bottom, over the one before.
  private func draw(_ text: String) {
    printPart("\r\u{1B}[K" + text.prefix(terminalWidth - 1))
    lineIsOpen = true
  }
}
