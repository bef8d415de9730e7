import Glibc

/// A terminal without a screen, for a program to write to.
final class Pseudoterminal {
  private let primary: Int32
  /// The device that a program opens.
  let path: String
  private var bytes: [UInt8] = []

  init(columns: Int) throws {
    primary = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
    // TIOCSPTLCK and TIOCGPTN, which Swift does not import: unlocks the device, and tells its number.
    var (unlocked, number) = (Int32(0), Int32(0))
    guard primary >= 0, ioctl(primary, 0x4004_5431, &unlocked) == 0, ioctl(primary, 0x8004_5430, &number) == 0 else {
      throw ProgramFailure(description: "no pseudo-terminal can be made")
    }
    path = "/dev/pts/\(number)"
    resize(columns: columns)
  }

  deinit { close(primary) }

  func resize(columns: Int) {
    var size = winsize()
    (size.ws_col, size.ws_row) = (UInt16(columns), 24)
    _ = ioctl(primary, UInt(TIOCSWINSZ), &size)
  }

  /// Takes in what has been written so far, and returns all of it, with line feeds as they were written.
  @discardableResult
  func read() -> String {
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = Glibc.read(primary, &chunk, chunk.count)
      guard count > 0 else { break }
      bytes += chunk.prefix(count)
    }
    return String(decoding: bytes, as: UTF8.self).replacing("\r\r\n", with: "\n").replacing("\r\n", with: "\n")
  }
}

/// What a screen of some width shows of what was written to it: each line without the blanks at its end. Commands that it
/// does not know stay as they are, for a test to find.
func screen(_ text: String, columns: Int) -> [String] {
  var lines: [[Character]] = [[]]
  var (row, column) = (0, 0)
  func newRow() {
    row += 1
    if row == lines.count { lines.append([]) }
  }
  func put(_ character: Character) {
    if column == columns {
      newRow()
      column = 0
    }
    while lines[row].count <= column { lines[row].append(" ") }
    lines[row][column] = character
    column += 1
  }
  var rest = Substring(text)
  while let first = rest.unicodeScalars.first {
    if first == "\u{1B}", let match = rest.prefixMatch(of: /\u{1B}\[([0-9]*)([AJ])/) {
      rest = rest[match.range.upperBound...]
      if match.2 == "A" {
        row = max(0, row - (Int(match.1) ?? 1))
      } else {
        lines[row] = Array(lines[row].prefix(column))
        lines.removeSubrange((row + 1)...)
      }
      continue
    }
    rest = Substring(rest.unicodeScalars.dropFirst())
    switch first {
    case "\r": column = 0
    case "\n":
      newRow()
      column = 0
    default: put(Character(first))
    }
  }
  return lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
}
