import Glibc

/// Writes a line to standard output, at once: progress that waits in a buffer is none.
func printLine(_ text: String) { write(withoutControls(text) + "\n", to: 1) }

/// Writes a line to standard error.
func printError(_ text: String) { write(withoutControls(text) + "\n", to: 2) }

/// The text with control characters but line feeds and tabs escaped, wherever they came from: names in files that others
/// made must not steer the terminal. JSON has none.
private func withoutControls(_ text: String) -> String {
  func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 && scalar != "\n" && scalar != "\t" || (0x7f..<0xa0).contains(scalar.value)
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
func printPart(_ text: String) { write(text, to: 1) }

/// The same to standard error.
func printErrorPart(_ text: String) { write(text, to: 2) }

private func write(_ text: String, to descriptor: Int32) {
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

/// Whether standard output, or another descriptor, is a terminal, where a line can be drawn over.
///
/// mpirun gives each rank a terminal of its own and passes on what it reads there, so what counts is mpirun's output.
func outputIsTerminal(underLauncher: Bool, descriptor: Int32 = 1) -> Bool {
  guard isatty(descriptor) == 1 else { return false }
  guard underLauncher else { return true }
  var target = [CChar](repeating: 0, count: 64)
  let length = readlink("/proc/\(getppid())/fd/\(descriptor)", &target, target.count)
  return length > 0 && target.starts(with: "/dev/pts/".utf8.lazy.map { CChar($0) })
}

/// The terminal's width in columns.
var terminalWidth: Int {
  var size = winsize()
  return ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
}
