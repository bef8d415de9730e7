import JSON
import Text

extension ModelCard {
  private static let marks = (results: "# On test data, by which nothing was chosen:", section: "## On test data")

  /// A saved card with what came of the test data, in place of what an earlier test added.
  static func adding(_ report: TestReport, _ configuration: RunConfiguration, to card: String) -> String {
    guard let source = configuration.data.test else { return card }
    var lines = card.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard let end = lines.dropFirst().firstIndex(of: "---") else { return card }
    let start = lines[..<end].firstIndex(of: marks.results) ?? end
    var results = configuration.results(on: source, split: "test") { metric in
      report.metrics.first { $0.name == metric.testKey }?.value
    }
    if !results.isEmpty {
      let head = lines[..<start].contains(RunConfiguration.modelIndexKey) ? [] : configuration.modelIndex
      results = [marks.results] + head + results
    }
    lines.replaceSubrange(start..<end, with: results)
    if let section = lines.firstIndex(of: marks.section) {
      let behind = lines[(section + 1)...].firstIndex { $0.hasPrefix("## ") } ?? lines.endIndex
      lines.removeSubrange(section..<behind)
    }
    let rows = report.metrics.map { ($0.name, fixed($0.value, 4)) }
    let section = """
      \(marks.section)

      On \(grouped(report.rows)) rows of \(escaped(source.portableName)), measured once when the run had ended; nothing was
      chosen by them:

      \(table(("metric", "value"), rows))

      """
    let place = lines.firstIndex(of: "## What it costs") ?? lines.endIndex
    lines.insert(
      contentsOf: section.split(separator: "\n", omittingEmptySubsequences: false).map(String.init), at: place)
    return lines.joined(separator: "\n")
  }
}

extension RunConfiguration {
  static let modelIndexKey = "model-index:"

  /// What a model card calls the run's model.
  var modelName: String {
    run.directory.split(separator: "/").last { $0 != "." && $0 != ".." }.map(String.init) ?? "model"
  }

  /// What stands in a card's front matter above results.
  var modelIndex: [String] { [Self.modelIndexKey, "- name: \(JSON.string(modelName).text())", "  results:"] }

  /// Lines of front matter for those metrics that the hub has a name for; none where there are none.
  func results(on source: DatasetSource, split: String, _ value: (TaskMetric) -> Double?) -> [String] {
    let scores = (task.kind.metrics + [.loss]).flatMap { metric -> [String] in
      guard let hub = metric.hub, let value = value(metric) else { return [] }
      return ["    - type: \(hub.type)", "      name: \(hub.title)", "      value: \(fixed(value, 4))"]
    }
    guard !scores.isEmpty else { return [] }
    return [
      "  - task:", "      type: \(task.kind.card.pipelineTag)", "      name: \(task.kind.card.title)", "    dataset:",
      "      name: \(JSON.string(source.portableName).text())", "      type: \(JSON.string(source.hubType).text())",
      "      split: \(split)", "    metrics:",
    ] + scores
  }
}

extension DatasetSource {
  /// The `type` of a data set in a model card: what the hub would load it with.
  fileprivate var hubType: String {
    switch format {
    case .layout(let layout, _): layout.name
    case .lines: "text"
    case .csv, .tsv: "csv"
    case .jsonl: "json"
    case .conll: "conll"
    case .hub: path
    case .columns(.parquet): "parquet"
    case .columns(.arrow): "arrow"
    }
  }
}
