import Text

/// Names for pages and model cards, which are read on other machines than they are made on.
extension String {
  /// A path's last two parts where it is absolute: who works where is nobody's business elsewhere.
  package var portablePath: String {
    guard hasPrefix("/") else { return self }
    return split(separator: "/").suffix(2).joined(separator: "/")
  }

  /// The text with every absolute path in it shortened.
  package var withPortablePaths: String {
    var shown = ""
    var rest = self[...]
    var before: Character = " "
    while let character = rest.first {
      guard character == "/", " \t\n\"'([{,=".contains(before) else {
        shown.append(character)
        before = character
        rest = rest.dropFirst()
        continue
      }
      // Within quotes a path may hold anything else.
      let isQuoted = before == "\"" || before == "'"
      let path = rest.prefix { isQuoted ? $0 != before && $0 != "\n" : !" \t\n\"')]},;:".contains($0) }
      shown += path.contains { $0 != "/" } ? String(path).portablePath : String(path)
      before = "/"
      rest = rest.dropFirst(path.count)
    }
    return shown
  }
}

/// How much smaller a model is than another by their parameters: `23 % smaller`, `7.5× smaller`, `as large`.
///
/// - Parameter name: the other, in a sentence: `23 % smaller than the teacher`, `as large as the teacher`.
package func sizeComparison(_ own: Int, to other: Int, called name: String? = nil) -> String {
  guard own > 0, other > 0, own != other else { return "as large" + (name.map { " as \($0)" } ?? "") }
  return differenceInSize(own, other) + (name.map { " than \($0)" } ?? "")
}

private func differenceInSize(_ own: Int, _ other: Int) -> String {
  if own < other, Double(other) >= 2 * Double(own) { return "\(fixed(Double(other) / Double(own), 1))× smaller" }
  let share = abs(1 - Double(own) / Double(other))
  return "\(fixed(100 * share, share < 0.0095 ? 1 : 0)) % \(own < other ? "smaller" : "larger")"
}

extension DatasetSource {
  /// The data set's name where it has one, else its file.
  package var portableName: String {
    if case .hub(let config, _) = format { return path + (config.map { ", \($0)" } ?? "") }
    if case .layout(let layout, _) = format { return layout.name }
    let others = morePaths.isEmpty ? "" : " and \(morePaths.count) more"
    return path.portablePath + others
  }
}
