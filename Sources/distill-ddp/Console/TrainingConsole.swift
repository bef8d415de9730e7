import Training

/// What rank 0 shows of a run: on a terminal a line that is drawn over and one for each epoch that stays, elsewhere a
/// line every few seconds.
final class TrainingConsole {
  /// Columns of a line in a file or a pipe, which somebody reads on a wide screen.
  private static let widthOfFiles = 140
  /// `nil` prints lines only.
  private let terminal: Terminal?
  private let isQuiet: Bool
  private let clock = ContinuousClock()
  private var lastDrawn: ContinuousClock.Instant?
  private var run: RunOverview?
  private var stage: StageProgressView?

  /// - Parameter isQuiet: shows warnings and what came of the run.
  init(terminal: Terminal?, isQuiet: Bool = false) {
    self.terminal = terminal
    self.isQuiet = isQuiet
  }

  func show(_ event: TrainingEvent) {
    switch event {
    case .notice(let text): printLine("Note: \(text)")
    case .stepSkipped(let step):
      printLine(
        "Note: step \(step.step) skipped: \(step.what) is not a finite number"
          + "\(step.origin.map { ", first found in \($0)" } ?? ""), row \(step.rows.first ?? 0) of the training data")
    case .runFinished(let run): show(run)
    default: if !isQuiet { showProgress(event) }
    }
  }

  private func showProgress(_ event: TrainingEvent) {
    switch event {
    case .runStarted(let run): show(run)
    case .stageStarted(let stage): show(stage)
    case .step(let step):
      stage?.add(step)
      if let terminal, step.stepInEpoch < step.stepsInEpoch { draw(on: terminal) }
    case .ranks(let report):
      stage?.ranks = report
      show(report)
    case .validationStarted(_, let rows):
      if let terminal { ProgressLine.draw("validating on \(grouped(rows)) rows…", on: terminal) }
    case .validated(let report):
      stage?.add(report)
      show(report)
    case .gradientShares(let shares): show(shares)
    case .teacherCache(let use): show(use)
    case .tested(let report):
      if let terminal { ProgressLine.draw("", on: terminal) }
      printLine("tested on \(grouped(report.rows)) rows: \(clockTime(report.seconds))")
    case .stageFinished(let stage):
      printLine("\(stage.stage): \(clockTime(stage.seconds)), \(fixed(stage.sentencesPerSecond, 0)) sentences/s")
    case .notice, .stepSkipped, .attention, .checkpointSaved, .runFinished: break
    }
  }

  /// Draws how far the stage is, not more often than eyes can follow.
  private func draw(on terminal: Terminal) {
    let now = clock.now
    if let lastDrawn, (now - lastDrawn).seconds < 0.1 { return }
    lastDrawn = now
    if let stage { ProgressLine.draw(stage.text(width: terminal.width - 1), on: terminal) }
  }

  /// A line for each epoch that ends and, where nothing is drawn, each time the ranks tell how they are.
  private func show(_ report: RanksReport) {
    guard let stage else { return }
    if report.isOfEpoch || terminal == nil && !stage.isAtEndOfEpoch {
      printLine(stage.text(endsEpoch: report.isOfEpoch))
    }
  }

  private func show(_ run: RunOverview) {
    self.run = run
    printLine(
      "\(run.directory): \(counted(run.ranks, "rank")) × \(counted(run.threads, "thread")), \(run.simd), \(run.blas)")
    if let teacher = run.teacher, let parameters = run.teacherParameters {
      let precision = run.teacherPrecision.map { $0 == "float32" ? "" : ", products in \($0)" } ?? ""
      printLine("teacher \(teacher), \(grouped(parameters)) parameters\(precision)")
    }
    printLine("student, \(grouped(run.studentParameters)) parameters")
    let truncated = run.truncatedRows > 0 ? ", \(grouped(run.truncatedRows)) truncated" : ""
    let texts = run.unlabelledRows > 0 ? " and \(grouped(run.unlabelledRows)) without labels" : ""
    let validation = run.validationRows.map { "\(grouped($0)) validation rows" } ?? "no validation data"
    printLine(
      "\(grouped(run.trainRows)) training rows\(texts) (\(fixed(run.trainMeanLength, 1)) tokens on average\(truncated)), "
        + validation)
  }

  /// Shows what a stage is to do.
  func show(_ stage: StageOverview) {
    self.stage = StageProgressView(stage, run: run)
    printLine("")
    printLine(
      ("Stage \(stage.index) of \(stage.count), \(stage.name)", .bold),
      ": \(counted(stage.epochs, "epoch")), "
        + "\(counted(stage.steps, "step")), \(grouped(stage.trainedParameters)) parameters trained")
    var rows = [["  loss", "weight", "student ← teacher layers"]]
    if stage.labelWeight != 0 { rows.append(["  labels", fixed(stage.labelWeight, 2), "–"]) }
    for adaptor in stage.adaptors {
      let pairs = adaptor.pairs.map { "\($0.student) ← \($0.teacher)" }.joined(separator: ", ")
      rows.append(["  \(adaptor.name)", fixed(adaptor.weight, 2), pairs.isEmpty ? adaptor.compared : pairs])
    }
    table(rows).forEach(printLine)
  }

  private func show(_ report: ValidationReport) {
    let mark = report.isBest ? "  best" : ""
    let lines = wrapped(
      "epoch \(report.epoch) validation: ", report.metrics.map { "\(shortMetricName($0.name)) \(fixed($0.value, 4))" },
      width: (terminal?.width ?? Self.widthOfFiles) - 1 - mark.count)
    for line in lines.dropLast() { printLine(line) }
    printLine(nil, lines[lines.count - 1], (mark, .green))
  }

  /// A table at the stage's start, then a line.
  private func show(_ shares: GradientShares) {
    func percent(_ share: Double) -> String { "\(fixed(100 * share, 1)) %" }
    func name(_ term: GradientShares.Term) -> String { term.name == "hard" ? "labels" : term.name }
    guard shares.step == 0 else {
      let terms = shares.terms.map { "\(name($0)) \(percent($0.parameters))" }
      return printLine("share of the gradient: \(terms.joined(separator: "  "))")
    }
    let rows = shares.terms.map { ["  \(name($0))", percent($0.parameters), percent($0.lastHidden)] }
    table([["  share of the gradient", "parameters", "last hidden states"]] + rows).forEach(printLine)
  }

  private func show(_ use: TeacherCacheUse) {
    let share = 100 * Double(use.hits) / Double(max(use.sentences, 1))
    printLine(
      "epoch \(use.epoch) teacher cache: \(fixed(share, 1)) % of \(grouped(use.sentences)) sentences read, "
        + "\(fixed(Double(use.bytesWritten) / 1e6, 1)) MB written, \(fixed(Double(use.bytesInUse) / 1e6, 1)) MB in use")
  }

  private func show(_ run: RunReport) {
    if !isQuiet { printLine("") }
    // Each that some stage has, or where none validates the usual ones.
    let known = run.stages.first { $0.best != nil }?.best?.metrics.compactMap { TaskKind.metric($0.name) }
    let metrics = known ?? [.loss] + TaskKind.classification.metrics
    var rows = [["stage", "steps", "time", "sentences/s"] + metrics.map(\.title)]
    for stage in run.stages {
      rows.append(
        [stage.stage, grouped(stage.steps), clockTime(stage.seconds), fixed(stage.sentencesPerSecond, 0)]
          + metrics.map { metric in stage.best?.value(metric.key).map { fixed($0, 4) } ?? "–" })
    }
    table(rows).forEach(printLine)
    if let test = run.test {
      let metrics = test.metrics.map { "\(shortMetricName($0.name)) \(fixed($0.value, 4))" }
      printLine("Test data (\(counted(test.rows, "row"))), best model: \(metrics.joined(separator: "  "))")
    }
    printLine(("Best model:", .bold), " \(run.model)")
  }
}
