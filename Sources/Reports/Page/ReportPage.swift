import Training

/// A run as one HTML file that needs nothing else: no script, no network.
package struct ReportPage {
  let run: RecordedRun
  let measurements: ReportMeasurements

  package init(_ run: RecordedRun, _ measurements: ReportMeasurements) {
    self.run = run
    self.measurements = measurements
  }

  package var html: String {
    let title = run.directory.split(separator: "/").last.map(String.init) ?? run.directory
    // The policy holds even where escaping would have failed.
    let page: Markup = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta name="color-scheme" content="light dark"/>
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"/>
      <title>\(title) – distill-ddp</title>
      <style>
      \(.style)
      </style>
      </head>
      <body>
      <main>
      <header><h1>\(title)</h1>\(lead)</header>
      \(tiles)\(notes)\(models)\(test)\(mistakes)\(stages)\(attention)\(settings)
      <footer>\(footer)</footer>
      </main>
      </body>
      </html>

      """
    return page.text
  }

  /// `1 layer`, `2 layers`
  func counted(_ count: Int, _ noun: String) -> String { "\(grouped(count)) \(noun)\(count == 1 ? "" : "s")" }

  // MARK: What was made of what

  var learns: Bool { run.stages.contains { !$0.adaptors.isEmpty } }

  /// What the run's own model is called.
  var ownName: String { RecordedRun.ownModel(learns: run.learns) }

  var student: MeasuredModel? { measurements.models.first { $0.name == ownName } }
  var teacher: MeasuredModel? { run.learns ? measurements.models.first { $0.name == "teacher" } : nil }

  private func shape(_ model: MeasuredModel?) -> Markup? {
    model.map { " (\(counted($0.layers, "layer")) of \($0.hiddenSize))" }
  }

  private var lead: Markup {
    let data = run.configuration.data
    let rows: Markup? = run.overview.map { overview in
      let validation: Markup? = overview.validationRows.map { " and validated on \(grouped($0))" }
      return " Trained on \(grouped(overview.trainRows)) rows of <b>\(data.train.portableName)</b>\(validation)."
    }
    if learns, !run.configuration.teachers.isEmpty {
      return """
        <p class="lead"><b>\(run.configuration.teacherName.portablePath)</b>\(shape(self.teacher)) distilled into a \
        \(student.map { "\($0.layers)-layer " } ?? "")student\(source).\(rows)</p>
        """
    }
    return "<p class=\"lead\">\(origin)\(shape(student)), trained on labels without a teacher.\(rows)</p>"
  }

  /// What a student started from.
  private var source: Markup {
    switch run.configuration.student.source {
    case .model(let path): " started from \(part)<b>\(path.portablePath)</b>"
    case .teacherLayers(let layers):
      " started from \(layers.count == 1 ? "layer" : "layers") <b>\(listed(layers))</b>\(narrowed)"
    case .fresh: " started from random weights"
    }
  }

  private var narrowed: Markup {
    run.configuration.student.hidden.map { ", with <b>\($0)</b> of the hidden dimensions" } ?? ""
  }

  /// What a model without a teacher was.
  private var origin: Markup {
    switch run.configuration.student.source {
    case .model(let path): "\(part)<b>\(path.portablePath)</b>"
    case .teacherLayers(let layers):
      "Layers <b>\(listed(layers))</b> of \(run.configuration.teacher?.model?.portablePath ?? "a teacher")"
    case .fresh: "A new model"
    }
  }

  /// Of a model that was not read as a whole: `layers 2 and 4 of `.
  private var part: Markup {
    guard let layers = run.configuration.student.layers else { return "" }
    return "\(layers.count == 1 ? "layer" : "layers") <b>\(listed(layers))</b> of "
  }

  /// `2, 4 and 6`
  private func listed(_ numbers: [Int]) -> String {
    let texts = numbers.map(String.init)
    guard texts.count > 1, let last = texts.last else { return texts.first ?? "" }
    return texts.dropLast().joined(separator: ", ") + " and \(last)"
  }

  private var tiles: Markup {
    var tiles: [(String, String)] = []
    for metric in run.configuration.task.kind.metrics.filter({ $0.mode == .max }).prefix(2) {
      if let value = run.best?.value(metric.key) {
        tiles.append((fixed(value, 3), "\(metric.title)\(beside(metric, value))"))
      }
    }
    if tiles.isEmpty, let loss = run.best?.metrics.first {
      tiles.append((fixed(loss.value, 4), "\(metricTitle(loss.name)) of the best checkpoint"))
    }
    if let overview = run.overview, let parameters = overview.studentParameters {
      let other = learns ? overview.teacherParameters : nil
      tiles.append(
        (
          parameters < 1_000_000 ? grouped(parameters) : "\(fixed(Double(parameters) / 1e6, 1)) M",
          "parameters\(other.map { ", \(sizeComparison(parameters, to: $0, called: "the teacher"))" } ?? "")"
        ))
    }
    if let other = teacher?.quality?.secondsPer1000, let own = student?.quality?.secondsPer1000, own > 0 {
      tiles.append(("\(fixed(other / own, 1))×", "as fast as the teacher, measured for this page"))
    }
    if let speed = run.sentencesPerSecond { tiles.append((significant(speed), "sentences/s in training")) }
    tiles.append(
      (clockTime(run.seconds), run.isFinished ? "of training and validation" : "of training and validation so far"))
    let items: [Markup] = tiles.map { "<div class=\"tile\"><b>\($0.0)</b><span>\($0.1)</span></div>" }
    return "<div class=\"tiles\">\(items)</div>\n"
  }

  /// The teacher's value and what the student lost of it.
  private func beside(_ metric: TaskMetric, _ value: Double) -> String {
    guard let other = teacher?.quality?.value(metric.key) else { return " of the best checkpoint" }
    let points = 100 * (other - value)
    let change =
      abs(points) < 0.05
      ? "nothing lost" : "\(fixed(abs(points), 1)) \(points > 0 ? "points lost" : "points gained")"
    return "; teacher \(fixed(other, 3)), \(change)"
  }

  private var notes: Markup {
    let texts = (run.isFinished ? [] : ["This run has not ended: \(run.status)."]) + measurements.notes
    guard !texts.isEmpty else { return "" }
    let paragraphs: [Markup] = texts.map { "<p>\($0.withPortablePaths)</p>" }
    return "<div class=\"card note\">\(paragraphs)</div>\n"
  }

  private var settings: Markup {
    let text = ((try? run.configuration.resolvedYAML()) ?? "").withPortablePaths
    return """
      <h2>Configuration</h2>
      <details class="card"><summary>Every key, with its default where none was given</summary><pre>\(text)</pre></details>
      """
  }

  private var footer: Markup {
    guard let overview = run.overview else { return "distill-ddp \(programVersion)" }
    let start: Markup? = overview.start.flatMap(moment).map { "Started \($0)" }
    let host: Markup? = overview.host.map { " on \($0)" }
    let job =
      "\(counted(overview.ranks, "rank")), \(counted(overview.threads, "thread"))\(overview.ranks > 1 ? " each" : "")"
    return """
      \(start)\(host) by distill-ddp \(overview.version ?? ""): \(job); \(overview.simd), \(overview.blas); seed \
      \(String(run.configuration.run.seed)).
      """
  }
}
