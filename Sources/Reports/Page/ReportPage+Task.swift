import Training

/// What tasks show besides their metrics: a table with a row for each of their outputs, and charts of their answers.
extension ReportPage {
  private static let rated = "F1"

  /// As `evaluate` prints them of the run's model, with the teacher's F1 beside.
  var taskTables: Markup {
    let own = student?.quality?.tables ?? []
    let others = teacher?.quality?.tables ?? []
    let cards: [Markup] = own.enumerated().map { index, table in
      let other = others.indices.contains(index) ? others[index] : []
      return
        "<div class=\"card scroll\"><b>Each \(table.first?.first ?? "output")</b>\n\(markup(table, beside: other))</div>"
    }
    return "\(cards)"
  }

  private func markup(_ table: [[String]], beside other: [[String]]) -> Markup {
    guard let header = table.first else { return "" }
    let column = other.first?.firstIndex(of: Self.rated)
    let names: [Markup] = (header + (column == nil ? [] : ["teacher's \(Self.rated)"])).map { "<th>\($0)</th>" }
    let rows: [Markup] = table.dropFirst().map { row in
      // A type of entity that the teacher neither finds nor should find has no row.
      let beside = column.map { column in other.first { $0.first == row.first }.map { $0[column] } ?? "–" }
      let cells: [Markup] = (row + (beside.map { [$0] } ?? [])).map { "<td>\($0)</td>" }
      return "<tr>\(cells)</tr>"
    }
    return "<table><tr>\(names)</tr>\(rows)</table>"
  }

  /// The run's model and its teacher in one chart for each title.
  var taskCharts: Markup {
    let own = student?.quality?.charts ?? []
    let plots: [Markup] = own.compactMap { chart in
      let other = teacher?.quality?.charts.first { $0.title == chart.title }
      return TaskPlot(charts: (other.map { [("teacher", $0)] } ?? []) + [(ownName, chart)]).markup
    }
    return plots.isEmpty ? "" : "<div class=\"charts tasks\">\(plots)</div>"
  }
}
