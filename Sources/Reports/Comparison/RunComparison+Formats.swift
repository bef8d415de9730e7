import JSON
import Training

extension RunComparison {
  // MARK: Markdown

  /// The metrics that a reader compares; where a run has no labels, what its stages minimise.
  private var shownMetrics: [Int] {
    let shown = metrics.indices.filter { index in
      TaskKind.metric(TaskMetric.validationKey(ofTest: metrics[index]) ?? metrics[index]) != nil
    }
    let isCovered = rows.allSatisfy { row in shown.contains { row.metrics[$0] != nil } || !row.hasMetrics }
    return isCovered
      ? shown : metrics.indices.filter { shown.contains($0) || metrics[$0] == "val_distillation" }
  }

  /// A table that reads well as it is, too.
  package var markdown: String {
    let shown = shownMetrics
    let hasSeeds = rows.contains { $0.directories.count > 1 }
    let hasUnfinished = rows.contains { !$0.isFinished }
    var cells: [[String]] = [
      ["run"] + (hasSeeds ? ["n"] : []) + ["parameters"]
        + shown.map { metricTitle(metrics[$0]) } + ["sentences/s", "time"] + (hasUnfinished ? ["status"] : [])
    ]
    for row in rows {
      var line = [Self.cell(row.name)]
      if hasSeeds { line.append("\(row.directories.count)") }
      line.append(row.parameters.map(grouped) ?? "–")
      line += shown.map { row.metrics[$0].map { $0.text(4) } ?? "–" }
      line.append(row.sentencesPerSecond.map { $0.text(0) } ?? "–")
      line.append(row.seconds.map { clockTime($0.mean) } ?? "–")
      if hasUnfinished { line.append(Self.cell(row.status)) }
      cells.append(line)
    }
    let leftAligned: Set<Int> = hasUnfinished ? [0, cells[0].count - 1] : [0]
    let widths = cells[0].indices.map { column in max(3, cells.map { $0[column].count }.max() ?? 0) }
    func line(_ cells: [String]) -> String {
      let padded = cells.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return leftAligned.contains(column) ? cell + padding : padding + cell
      }
      return "| \(padded.joined(separator: " | ")) |"
    }
    let rule = widths.enumerated().map { column, width in
      String(repeating: "-", count: width - 1) + (leftAligned.contains(column) ? "-" : ":")
    }
    return ([line(cells[0]), "| \(rule.joined(separator: " | ")) |"] + cells.dropFirst().map(line))
      .joined(separator: "\n")
  }

  /// Text that stays in its cell.
  private static func cell(_ text: String) -> String {
    text.escapedForDisplay.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }

  // MARK: CSV

  /// RFC 4180, a line a row, every metric with its deviation.
  package var csv: String {
    let header =
      ["run", "n", "seeds", "finished", "status", "teacher", "student_parameters"]
      + (metrics + ["sentences_per_second", "seconds"]).flatMap { [$0, "\($0)_deviation"] }
    let lines = rows.map { row in
      let numbers = (row.metrics + [row.sentencesPerSecond, row.seconds]).flatMap { statistic in
        [statistic.map { "\($0.mean)" } ?? "", statistic?.deviation.map { "\($0)" } ?? ""]
      }
      return [
        row.name, "\(row.directories.count)", row.seeds.map { "\($0)" }.joined(separator: " "), "\(row.isFinished)",
        row.status, row.teacher ?? "", row.parameters.map { "\($0)" } ?? "",
      ] + numbers
    }
    return ([header] + lines).map { $0.map(csvField).joined(separator: ",") + "\r\n" }.joined()
  }

  // MARK: JSON

  package var json: JSON {
    .array(
      rows.map { row in
        var quality = JSONObject()
        for (name, statistic) in zip(metrics, row.metrics) { quality[name] = statistic?.json ?? .null }
        return [
          "runs": .array(row.directories.map(JSON.string)), "n": .integer(row.directories.count),
          "seeds": .array(row.seeds.map { Int(exactly: $0).map(JSON.integer) ?? .string("\($0)") }),
          "finished": .bool(row.isFinished), "status": .string(row.status),
          "teacher": row.teacher.map(JSON.string) ?? .null,
          "student_parameters": row.parameters.map(JSON.integer) ?? .null, "metrics": .object(quality),
          "sentences_per_second": row.sentencesPerSecond?.json ?? .null, "seconds": row.seconds?.json ?? .null,
        ]
      })
  }
}

extension RunComparison.Row {
  var isFinished: Bool { status == "finished" }
  fileprivate var hasMetrics: Bool { metrics.contains { $0 != nil } }

  /// `runs/mix-{1,2,3}`: what the directories share, once.
  var name: String {
    guard directories.count > 1, let first = directories.first else { return directories[0] }
    let prefix = first.commonPrefix(directories)
    let rests = directories.map { String($0.dropFirst(prefix.count)) }
    let suffix = String(String(rests[0].reversed()).commonPrefix(rests.map { String($0.reversed()) }).reversed())
    return "\(prefix){\(rests.map { String($0.dropLast(suffix.count)) }.joined(separator: ","))}\(suffix)"
  }
}

extension String {
  fileprivate func commonPrefix(_ others: [String]) -> String {
    others.reduce(self) { prefix, other in
      String(zip(prefix, other).prefix { $0 == $1 }.map(\.0))
    }
  }
}

extension Statistic {
  /// `0.7103 ± 0.0042`
  func text(_ digits: Int) -> String {
    fixed(mean, digits) + (deviation.map { " ± \(fixed($0, digits))" } ?? "")
  }

  fileprivate var json: JSON {
    ["mean": .number(mean), "deviation": deviation.map(JSON.number) ?? .null]
  }
}

/// `macro-F1` for `val_macro_f1`, `test macro-F1` for `test_macro_f1`.
func metricTitle(_ name: String) -> String {
  if let key = TaskMetric.validationKey(ofTest: name) { return "test \(metricTitle(key))" }
  return TaskKind.metric(name)?.title ?? (name.hasPrefix("val_") ? String(name.dropFirst(4)) : name)
}
