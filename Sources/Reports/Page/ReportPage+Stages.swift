import Training

/// What each stage learned from, and how it went.
extension ReportPage {
  var stages: Markup {
    let sections: [Markup] = run.stages.map { stage in
      let title: Markup = run.stages.count == 1 ? "Training" : "Stage \(stage.name)"
      return "<h2>\(title)</h2>\n\(facts(stage))\(sources(stage))<div class=\"charts\">\n\(charts(stage))</div>\n"
    }
    return "\(sections)"
  }

  private func facts(_ stage: RecordedStage) -> Markup {
    let done = stage.steps.count + stage.skippedSteps
    var facts: [Markup] = [
      "<b>\(grouped(done))</b> of \(counted(stage.plannedSteps, "step")), \(counted(stage.epochs, "epoch"))"
    ]
    if stage.skippedSteps > 0 { facts.append("<b>\(grouped(stage.skippedSteps))</b> skipped") }
    if stage.steppingSeconds > 0 {
      facts.append("<b>\(significant(Double(stage.sentences) / stage.steppingSeconds))</b> sentences/s")
      let tokens = stage.steps.reduce(0) { $0 + $1.tokens }
      facts.append("<b>\(significant(Double(tokens) / stage.steppingSeconds))</b> tokens/s")
    }
    if let best = stage.best { facts.append("best after epoch <b>\(best.epoch)</b>, step \(grouped(best.step))") }
    let text = facts.dropFirst().reduce(facts[0]) { "\($0) · \($1)" }
    return "<p class=\"facts\">\(text)</p>\n"
  }

  private func sources(_ stage: RecordedStage) -> Markup {
    guard !stage.adaptors.isEmpty else { return "" }
    var rows: [Markup] = []
    if stage.labelWeight != 0 {
      rows.append("<tr><td>labels</td><td>\(fixed(stage.labelWeight, 2))</td><td class=\"wide\">–</td></tr>")
    }
    let settings = run.configuration.stages.first { $0.name == stage.name }?.adaptors ?? []
    rows += stage.adaptors.enumerated().map { index, adaptor -> Markup in
      let pairs = adaptor.pairs.map { "\($0.student) ← \($0.teacher)" }.joined(separator: ", ")
      let compared = settings.indices.contains(index) ? settings[index].compared : "–"
      return """
        <tr><td>\(adaptor.name)</td><td>\(fixed(adaptor.weight, 2))</td>\
        <td class="wide">\(pairs.isEmpty ? compared : pairs)</td></tr>
        """
    }
    return """
      <div class="card scroll losses"><table><tr><th>loss</th><th>weight</th>\
      <th>student ← teacher layers</th></tr>\(rows)</table></div>

      """
  }

  private func charts(_ stage: RecordedStage) -> [Markup] {
    func steps(
      _ name: String, style: LineChart.Series.Style = .smoothed, _ value: (RecordedStage.Step) -> Double
    ) -> LineChart.Series {
      LineChart.Series(name, stage.steps.map { ($0.step, value($0)) }, style: style)
    }
    func validations(_ name: String, _ metric: String) -> LineChart.Series {
      LineChart.Series(
        name, stage.validations.compactMap { report in report.value(metric).map { (report.step, $0) } }, style: .dots)
    }
    let last = max(stage.steps.last?.step ?? 0, stage.validations.last?.step ?? 0)
    var charts: [LineChart] = []
    if stage.terms.count != 1 {
      charts.append(LineChart(title: "Loss, weighted sum", series: [steps("training", \.loss)], lastStep: last))
    }
    for (index, term) in stage.terms.enumerated() {
      charts.append(
        LineChart(
          title: term == "hard" ? "Loss on labels" : "Loss of \(term)",
          series: [
            steps("training") { $0.terms[index] },
            validations("validation", term == "hard" ? "val_loss" : "val_\(term)"),
          ], lastStep: last))
    }
    if !stage.terms.contains("hard") {
      charts.append(LineChart(title: "Loss on labels", series: [validations("validation", "val_loss")], lastStep: last))
    }
    charts.append(
      LineChart(
        title: "Validation",
        series: run.configuration.task.kind.metrics.filter { $0.mode == .max }.map { validations($0.title, $0.key) },
        lastStep: last, digits: 4))
    charts.append(
      LineChart(
        title: "Share of the gradient",
        series: stage.terms.map { term in
          LineChart.Series(
            term == "hard" ? "labels" : term,
            stage.gradientShares.compactMap { point in
              point.shares.first { $0.name == term }.map { (point.step, $0.value) }
            }, style: .dots)
        }, lastStep: last, startsAtZero: true))
    charts += [
      LineChart(
        title: "Learning rate", series: [steps("last", style: .line, \.learningRate)], lastStep: last,
        startsAtZero: true),
      LineChart(title: "Gradient norm", series: [steps("before clipping", \.gradientNorm)], lastStep: last),
      LineChart(
        title: "Throughput", series: [steps("sentences/s") { Double($0.sentences) / $0.seconds }], lastStep: last,
        startsAtZero: true),
    ]
    return charts.compactMap(\.markup)
  }
}
