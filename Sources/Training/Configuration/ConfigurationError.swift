/// Everything wrong with a configuration, one problem a line:
/// `configs/x.yaml:12:3: training.batchSize: expected an integer of at least 1, found 0`.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  package struct Problem: Sendable, Equatable, CustomStringConvertible {
    /// `file:line:column`, the file alone, or the override as it was given.
    package let location: String
    /// The key with all that lead to it, as `--set` takes it; empty for the document as a whole.
    package let path: String
    /// What was expected, what was found, and the remedy.
    package let message: String

    package var description: String { path.isEmpty ? "\(location): \(message)" : "\(location): \(path): \(message)" }
  }

  /// In the order of the file where positions are known; never empty.
  package let problems: [Problem]

  package var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// Text from a configuration or a command line as it may stand in a message: control characters escaped, and short.
func visible(_ text: some StringProtocol, upTo limit: Int = 200) -> String {
  var result = ""
  for scalar in text.unicodeScalars.prefix(limit) {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
      result += "\\u{\(String(scalar.value, radix: 16))}"
    default:
      result.unicodeScalars.append(scalar)
    }
  }
  return result + (text.unicodeScalars.count > limit ? "…" : "")
}

/// The same in quotation marks.
func quoted(_ text: some StringProtocol) -> String { "\"\(visible(text, upTo: 60))\"" }

/// The candidate that a misspelt `word` most likely means, or `nil` when none is near.
///
/// Case, `_` and `-` are ignored (`batch_size` means `batchSize`); beyond that a third of the letters may differ.
package func nearest(to word: String, among candidates: [String], within most: Int = .max) -> String? {
  let sought = lettersAlone(word)
  guard !sought.isEmpty, sought.count <= 64 else { return nil }
  let ranked = candidates.map { (candidate: $0, distance: editDistance(sought, lettersAlone($0))) }
  guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
  return best.distance <= min(most, max(1, sought.count / 3)) && best.distance < sought.count ? best.candidate : nil
}

/// Whether two words differ in case, `_` and `-` at most.
func isSpelling(_ word: String, of other: String) -> Bool {
  word.utf8.count <= 64 && lettersAlone(word) == lettersAlone(other)
}

private func lettersAlone(_ text: String) -> [UInt8] {
  Array(text.lowercased().utf8.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") })
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words (optimal string alignment).
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var beforePrevious: [Int] = []
  var previous = Array(0...b.count)
  for i in 0..<a.count {
    var current = [i + 1]
    for j in 0..<b.count {
      var cost = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforePrevious[j - 1] + 1) }
      current.append(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.count]
}
