import Glibc
import Synchronization

/// The line at the bottom of a terminal that is drawn over, of which there is one. Whatever else is printed clears it
/// first.
enum ProgressLine {
  private struct Drawn {
    let terminal: Terminal
    /// Characters, each of one column.
    let columns: Int
  }

  private static let drawn = Mutex<Drawn?>(nil)

  /// Draws a text over the one before, as far as it fits, in one write: nothing in between is ever seen.
  static func draw(_ text: String, on terminal: Terminal) {
    let width = terminal.width
    // A character in the last column would make some terminals go on to the next line.
    let shown = String(withoutControls(text, keeps: []).prefix(max(0, width - 1)))
    drawn.withLock { drawn in
      let before = drawn?.columns ?? 0
      // Spaces clear as well as the terminal's own commands do, and notebooks know nothing else.
      let rest = String(repeating: " ", count: max(0, min(before, width - 1) - shown.count))
      // First: a signal may come as soon as the line is seen.
      StopSignals.lineIsOpen(on: terminal.descriptor)
      writeAll(goingUp(from: before, width: width) + "\r" + shown + rest, to: terminal.descriptor)
      drawn = Drawn(terminal: terminal, columns: shown.count)
    }
  }

  /// Removes what was drawn.
  static func clear() {
    drawn.withLock { drawn in
      guard let last = drawn else { return }
      drawn = nil
      let width = last.terminal.width
      writeAll(
        goingUp(from: last.columns, width: width) + "\r"
          + String(repeating: " ", count: min(last.columns, max(0, width - 1))) + "\r", to: last.terminal.descriptor)
      StopSignals.lineIsOpen(on: nil)
    }
  }

  /// A terminal that became narrower has broken the line into several: clears those behind the first and returns to it.
  private static func goingUp(from columns: Int, width: Int) -> String {
    guard width > 0, columns >= width else { return "" }
    return "\u{1B}[\((columns - 1) / width)A\r\u{1B}[J"
  }
}
