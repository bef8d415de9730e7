import Training

/// Size, speed and quality side by side, and what the student takes for what.
extension ReportPage {
  var models: Markup {
    guard !measurements.models.isEmpty else { return recorded }
    let confusion = measurements.models.first { $0.name == "student" }.flatMap(confusionMatrix)
    return """
      <h2>Models</h2>
      <div class="tables"><div class="card scroll">\(table)</div>\(confusion)</div>

      """
  }

  private var table: Markup {
    let teacher = measurements.models.first { $0.name == "teacher" }
    let rows: [Markup] = measurements.models.map { model in
      let name: Markup =
        model.name == model.path || model.path == "\(model.name)/best"
        ? "\(model.name)" : "\(model.name)<br/><small>\(model.path)</small>"
      let isOther = teacher != nil && model.name != "teacher"
      func relative(_ own: Double?, _ other: Double?) -> Markup? {
        guard isOther, let own, let other, own > 0 else { return nil }
        return " <small>\(fixed(other / own, 2))×</small>"
      }
      let size: Markup = """
        <td>\(grouped(model.parameters))\(relative(Double(model.parameters), teacher.map { Double($0.parameters) }))</td>\
        <td>\(model.layers) × \(model.hiddenSize)</td>
        """
      guard let quality = model.quality else {
        return "<tr><td>\(name)</td><td>–</td><td>–</td><td>–</td><td>–</td><td>–</td>\(size)</tr>"
      }
      let metrics = quality.metrics
      return """
        <tr><td>\(name)</td><td>\(fixed(metrics.accuracy, 4))</td><td>\(fixed(metrics.macroF1, 4))</td>\
        <td>\(fixed(metrics.macroRecall, 4))</td><td>\(fixed(quality.loss, 4))</td>\
        <td>\(significant(quality.secondsPer1000))\
        \(relative(quality.secondsPer1000, teacher?.quality?.secondsPer1000))</td>\(size)</tr>
        """
    }
    return """
      <table class="models"><tr><th>model</th><th>accuracy</th><th>macro-F1</th><th>macro-recall</th><th>loss</th>\
      <th>s/1,000 rows</th><th>parameters</th><th>layers × width</th></tr>\(rows)</table>
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

  private func confusionMatrix(_ model: MeasuredModel) -> Markup? {
    guard let confusion = model.quality?.metrics.confusion, confusion.count <= 30 else { return nil }
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
      <div class="card scroll confusion"><b>What the student predicts</b>
      <table><tr><th>true ↓ predicted →</th>\(header)</tr>\(rows)</table></div>
      """
  }
}
