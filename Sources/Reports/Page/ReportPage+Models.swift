import Training

/// Size, speed and quality side by side, and what the student takes for what.
extension ReportPage {
  var models: Markup {
    guard !measurements.models.isEmpty else { return recorded }
    return """
      <h2>Models</h2>
      <div class="card scroll">\(table)</div>
      <div class="tables">\(student.flatMap(confusionMatrix))\(classes)\(taskTables)</div>
      \(taskCharts)

      """
  }

  private static let speed = "s/1,000 rows"

  /// The task's metrics, then the loss.
  private var shown: [TaskMetric] { run.configuration.task.kind.metrics + [.loss] }

  private var table: Markup {
    let rows: [Markup] = measurements.models.map { model in
      let name: Markup =
        model.name == model.path || model.path == "\(model.name)/best"
        ? "\(model.name.portablePath)" : "\(model.name.portablePath)<br/><small>\(model.path.portablePath)</small>"
      let isOther = teacher != nil && model.name != "teacher"
      func relative(_ own: Double?, _ other: Double?) -> Markup? {
        guard isOther, let own, let other, own > 0 else { return nil }
        return " <small>\(fixed(other / own, 2))×</small>"
      }
      let smaller: Markup? =
        isOther ? teacher.map { " <small>\(sizeComparison(model.parameters, to: $0.parameters))</small>" } : nil
      let size: Markup = """
        <td data-name="parameters">\(grouped(model.parameters))\(smaller)</td>\
        <td data-name="layers × width">\(model.layers) × \(model.hiddenSize)</td>
        """
      guard let quality = model.quality else {
        let none: [Markup] = (shown.map(\.title) + [Self.speed]).map { "<td data-name=\"\($0)\">–</td>" }
        return "<tr><td>\(name)</td>\(none)\(size)</tr>"
      }
      let metrics: [Markup] = shown.map { metric in
        let value = quality.value(metric.key).map { fixed($0, 4) } ?? "–"
        return "<td data-name=\"\(metric.title)\">\(value)</td>"
      }
      return """
        <tr><td>\(name)</td>\(metrics)\
        <td data-name="\(Self.speed)">\(significant(quality.secondsPer1000))\
        \(relative(quality.secondsPer1000, teacher?.quality?.secondsPer1000))</td>\(size)</tr>
        """
    }
    let header: [Markup] = shown.map { "<th>\($0.title)</th>" }
    return """
      <table class="models"><tr><th>model</th>\(header)\
      <th>\(Self.speed)</th><th>parameters</th><th>layers × width</th></tr>\(rows)</table>
      <p class="facts">On the validation data, measured when this report was made.</p>
      """
  }

  /// What the log knows, where no model is at hand.
  private var recorded: Markup {
    guard let best = run.best, !best.metrics.isEmpty else { return "" }
    let rows: [Markup] = best.metrics.map { "<tr><td>\(metricTitle($0.name))</td><td>\(fixed($0.value, 4))</td></tr>" }
    return """
      <h2>Best checkpoint</h2>
      <div class="card scroll"><table>\(rows)</table><p class="facts">Epoch \(best.epoch), step \(best.step).</p></div>

      """
  }

  /// What the log says of data that nothing was chosen by.
  var test: Markup {
    guard let test = run.test, !test.metrics.isEmpty else { return "" }
    let rows: [Markup] = test.metrics.map { metric in
      let title = metricTitle(TaskMetric.validationKey(ofTest: metric.name) ?? metric.name)
      return "<tr><td>\(title)</td><td>\(fixed(metric.value, 4))</td></tr>"
    }
    return """
      <h2>Test data</h2>
      <div class="card scroll"><table>\(rows)</table><p class="facts">The best checkpoint on \
      \(counted(test.rows, "row")) of \(run.configuration.data.test?.portableName ?? "test data"), by which nothing was \
      chosen.</p></div>

      """
  }

  /// Each class of the student, beside the teacher's F1.
  private var classes: Markup? {
    guard let student, let metrics = student.quality?.classes?.metrics, student.labels.count <= 30 else { return nil }
    let others = teacher?.quality?.classes?.metrics
    let isComparable = others?.confusion.count == metrics.confusion.count
    let rows: [Markup] = student.labels.enumerated().map { index, label in
      let own = metrics.figures(ofClass: index)
      let other: Markup? = isComparable ? others.map { "<td>\(fixed($0.figures(ofClass: index).f1, 4))</td>" } : nil
      return """
        <tr><td>\(label)</td><td>\(grouped(own.rows))</td><td>\(fixed(own.precision, 4))</td>\
        <td>\(fixed(own.recall, 4))</td><td>\(fixed(own.f1, 4))</td>\(other)</tr>
        """
    }
    let header: Markup = isComparable ? "<th>teacher's F1</th>" : ""
    return """
      <div class="card scroll"><b>Each class</b>
      <table><tr><th>class</th><th>rows</th><th>precision</th><th>recall</th><th>F1</th>\(header)</tr>\(rows)</table></div>
      """
  }

  /// What the student gets wrong, where it is surest first.
  var mistakes: Markup {
    let (shown, count) = measurements.mistakes
    guard count > 0 else { return "" }
    let hasTeacher = shown.contains { $0.teacher != nil }
    let rows: [Markup] = shown.map { mistake in
      let text = mistake.text.count > 300 ? "\(mistake.text.prefix(300))…" : mistake.text
      let teacher: Markup = hasTeacher ? "<td data-name=\"teacher\">\(mistake.teacher ?? "–")</td>" : ""
      return """
        <tr><td class="wide">\(text)</td><td data-name="true">\(mistake.label)</td><td data-name="predicted">\
        \(mistake.predicted) <small>\(fixed(100 * mistake.probability, 0)) %</small></td>\(teacher)\
        <td data-name="row">\(grouped(mistake.row))</td></tr>
        """
    }
    let total = student?.quality?.classes?.labels.count ?? 0
    let header: Markup = hasTeacher ? "<th>teacher</th>" : ""
    return """
      <h2>Wrong predictions</h2>
      <p class="lead">\(grouped(count)) of \(counted(total, "validation row"))\
      \(count > shown.count ? "; here are the \(shown.count) of which the \(ownName) is surest" : "").</p>
      <details class="card" open="open"><summary>Texts</summary><table class="mistakes"><tr><th>text</th><th>true</th>\
      <th>predicted</th>\(header)<th>row</th></tr>\(rows)</table></details>

      """
  }

  private func confusionMatrix(_ model: MeasuredModel) -> Markup? {
    guard let confusion = model.quality?.classes?.metrics.confusion, confusion.count <= 30 else { return nil }
    let header: [Markup] = model.labels.map { "<th>\($0)</th>" }
    let rows: [Markup] = zip(model.labels, confusion).map { label, counts in
      let total = counts.reduce(0, +)
      let cells: [Markup] = counts.map { count in
        let share = total > 0 ? Double(count) / Double(total) : 0
        let strong: Markup? = share > 0.7 ? " class=\"strong\"" : nil
        return """
          <td\(strong) style="--share: \(fixed(share * 0.95, 3))">\(grouped(count))<small>\(fixed(100 * share, 0)) %</small></td>
          """
      }
      return "<tr><th>\(label)</th>\(cells)</tr>"
    }
    return """
      <div class="card scroll confusion"><b>What the \(ownName) predicts</b>
      <table><tr><th>true ↓ predicted →</th>\(header)</tr>\(rows)</table></div>
      """
  }
}
