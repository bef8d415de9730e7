import Glibc

/// A terminal on which a line can be drawn over.
struct Terminal: Sendable {
  /// What is written to.
  let descriptor: Int32
  /// What is asked for the width: under mpirun another terminal than what is written to.
  private let screen: Int32

  /// `nil` where there is none: a file, a pipe, a terminal that knows no movements, or mpirun with its tags, which
  /// belong before whole lines.
  ///
  /// mpirun gives each rank a terminal of its own and passes on what it reads there, so what counts is mpirun's output.
  init?(_ descriptor: Int32, underLauncher: Bool) {
    guard isatty(descriptor) == 1 else { return nil }
    if let kind = getenv("TERM"), String(cString: kind) == "dumb" { return nil }
    self.descriptor = descriptor
    guard underLauncher else {
      screen = descriptor
      return
    }
    let launcher = "/proc/\(getppid())"
    guard !Self.marksLines(launcher) else { return nil }
    screen = open("\(launcher)/fd/\(descriptor)", O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
    guard screen >= 0 else { return nil }
    guard isatty(screen) == 1 else {
      close(screen)
      return nil
    }
  }

  /// Columns, as they are now.
  var width: Int {
    var size = winsize()
    return ioctl(screen, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  /// Whether mpirun puts something before each line or each line somewhere else: its own `--tag-output` and the like, or
  /// the same as a setting in the environment.
  private static func marksLines(_ launcher: String) -> Bool {
    let variables = ["tag", "timestamp", "xml", "filename"].map { "OMPI_MCA_orte_\($0)_output" }
    if variables.contains(where: { getenv($0).map { String(cString: $0) != "0" } ?? false }) { return true }
    let file = open("\(launcher)/cmdline", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(file, &bytes, bytes.count)
    let words = bytes.prefix(max(0, count)).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    // What follows the program's name is the program's.
    return words.prefix { !$0.hasSuffix("distill-ddp") }.contains { word in
      let name = word.drop { $0 == "-" }
      return word.hasPrefix("-")
        && ["tag-output", "timestamp-output", "output-filename", "output", "xml", "xterm"].contains(name)
    }
  }
}
