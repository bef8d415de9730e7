import Glibc

/// Writes a line to standard output, at once: progress that waits in a buffer is none.
func printLine(_ text: String) {
  ProgressLine.clear()
  writeAll(Colour.marked(withoutControls(text, keeps: ["\n", "\t"]), on: 1) + "\n", to: 1)
}

/// Writes a line to standard output whose beginning or end, words of our own, is coloured.
func printLine(_ start: (String, Colour)? = nil, _ text: String, _ end: (String, Colour)? = nil) {
  ProgressLine.clear()
  func part(_ part: (String, Colour)?) -> String { part.map { $1.of($0, on: 1) } ?? "" }
  writeAll(part(start) + withoutControls(text, keeps: ["\n", "\t"]) + part(end) + "\n", to: 1)
}

/// Writes a line to standard error.
func printError(_ text: String) {
  ProgressLine.clear()
  writeAll(Colour.marked(withoutControls(text, keeps: ["\n", "\t"]), on: 2) + "\n", to: 2)
}

/// The text with its control characters escaped, wherever they came from: names in files that others made must not steer
/// the terminal. JSON has none.
func withoutControls(_ text: String, keeps kept: [Unicode.Scalar]) -> String {
  func isControl(_ scalar: Unicode.Scalar) -> Bool {
    (scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)) && !kept.contains(scalar)
  }
  guard text.unicodeScalars.contains(where: isControl) else { return text }
  return text.unicodeScalars.reduce(into: "") { shown, scalar in
    if isControl(scalar) {
      shown += "\\u{\(String(scalar.value, radix: 16))}"
    } else {
      shown.unicodeScalars.append(scalar)
    }
  }
}

/// Writes text of our own to standard output as it is.
func printPart(_ text: String) {
  ProgressLine.clear()
  writeAll(text, to: 1)
}

/// Writes a text as it is.
func writeAll(_ text: String, to descriptor: Int32) {
  var bytes = Array(text.utf8)[...]
  while !bytes.isEmpty {
    let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    if written < 0 && errno == EINTR { continue }
    // A reader that went away is no reason to stop training.
    guard written > 0 else { return }
    bytes = bytes.dropFirst(written)
  }
}

func exitProcess(_ status: Int32) -> Never { exit(status) }

/// Without what is due at an exit, as other threads are at work.
func exitProcessAtOnce(_ status: Int32) -> Never { _exit(status) }
