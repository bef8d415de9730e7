import Training

/// A metric's name where room is short: `acc` of `val_accuracy`, `AttnMiniLM` of `val_AttnMiniLM`.
func shortMetricName(_ name: String) -> String {
  let key = TaskMetric.validationKey(ofTest: name) ?? name
  let own = key.hasPrefix("val_") ? String(key.dropFirst(4)) : key
  return own == "distillation" ? "distil" : TaskKind.metric(key)?.short ?? own
}

/// Pieces side by side, in as many lines as they need; lines behind the first are indented.
func wrapped(_ start: String, _ pieces: [String], width: Int) -> [String] {
  var lines = [start]
  var isEmpty = true
  for piece in pieces {
    let gap = isEmpty ? "" : "  "
    if !isEmpty, lines[lines.count - 1].count + gap.count + piece.count > width {
      lines.append("    \(piece)")
    } else {
      lines[lines.count - 1] += gap + piece
    }
    isEmpty = false
  }
  return lines
}
