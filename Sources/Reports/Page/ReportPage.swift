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
      \(tiles)\(notes)\(models)\(stages)\(attention)\(settings)
      <footer>\(footer)</footer>
      </main>
      </body>
      </html>

      """
    return page.text
  }

  // MARK: What was made of what

  private var learns: Bool { run.stages.contains { !$0.adaptors.isEmpty } }

  private func shape(_ name: String) -> Markup? {
    measurements.models.first { $0.name == name }.map { " (\($0.layers) layers of \($0.hiddenSize))" }
  }

  private var lead: Markup {
    let data = run.configuration.data
    let rows: Markup? = run.overview.map { overview in
      let validation: Markup? = overview.validationRows.map { " and validated on \(grouped($0))" }
      return " Trained on \(grouped(overview.trainRows)) rows of <b>\(data.train.path)</b>\(validation)."
    }
    if learns, let teacher = run.configuration.teacher {
      return """
        <p class="lead"><b>\(teacher.model)</b>\(shape("teacher")) distilled into \(source), a student\(shape("student")).\
        \(rows)</p>
        """
    }
    return "<p class=\"lead\">\(source) fine-tuned on labels, without a teacher\(shape("student")).\(rows)</p>"
  }

  private var source: Markup {
    switch run.configuration.student.source {
    case .model(let path): "<b>\(path)</b>"
    case .teacherLayers(let layers): "its layers <b>\(layers.map(String.init).joined(separator: ", "))</b>"
    case .fresh(let shape): "<b>new weights</b> of \(shape.layers) layers of \(shape.hiddenSize)"
    }
  }

  private var tiles: Markup {
    var tiles: [(String, String)] = []
    for name in ["val_accuracy", "val_macro_f1"] {
      if let value = run.best?.value(name) {
        tiles.append((fixed(value, 3), "\(metricTitle(name)) of the best checkpoint"))
      }
    }
    if tiles.isEmpty, let loss = run.best?.metrics.first {
      tiles.append((fixed(loss.value, 4), "\(metricTitle(loss.name)) of the best checkpoint"))
    }
    if let overview = run.overview, let parameters = overview.studentParameters {
      let ratio = overview.teacherParameters.map { Double($0) / Double(max(1, parameters)) }
      tiles.append(
        (
          parameters < 1_000_000 ? grouped(parameters) : "\(fixed(Double(parameters) / 1e6, 1)) M",
          "parameters\(ratio.map { ", \(fixed($0, 1))× fewer than the teacher" } ?? "")"
        ))
    }
    let speeds = ["teacher", "student"].map { name in
      measurements.models.first { $0.name == name }?.quality?.secondsPer1000
    }
    if let teacher = speeds[0], let student = speeds[1], student > 0 {
      tiles.append(("\(fixed(teacher / student, 1))×", "the speed of the teacher, here"))
    }
    if let speed = run.sentencesPerSecond { tiles.append((significant(speed), "sentences/s in training")) }
    tiles.append((clockTime(run.seconds), run.isFinished ? "from start to end" : "so far"))
    let items: [Markup] = tiles.map { "<div class=\"tile\"><b>\($0.0)</b><span>\($0.1)</span></div>" }
    return "<div class=\"tiles\">\(items)</div>\n"
  }

  private var notes: Markup {
    let texts = (run.isFinished ? [] : ["This run has not ended: \(run.status)."]) + measurements.notes
    guard !texts.isEmpty else { return "" }
    let paragraphs: [Markup] = texts.map { "<p>\($0)</p>" }
    return "<div class=\"card note\">\(paragraphs)</div>\n"
  }

  private var settings: Markup {
    let text = (try? run.configuration.resolvedYAML()) ?? ""
    return """
      <h2>Configuration</h2>
      <details class="card"><summary>Every key, with its default where none was given</summary><pre>\(text)</pre></details>
      """
  }

  private var footer: Markup {
    guard let overview = run.overview else { return "distill-ddp" }
    return """
      distill-ddp, \(overview.ranks) ranks × \(overview.threads) threads, \(overview.simd), \(overview.blas), seed \
      \(String(run.configuration.run.seed))
      """
  }
}
