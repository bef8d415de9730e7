import Glibc
import Synchronization

/// Colours of a terminal's text.
enum Colour: String {
  case bold = "1"
  case red = "1;31"
  case green = "32"
  case yellow = "33"

  /// Whether what is written to a descriptor may be coloured: on a terminal that knows more than letters, unless
  /// `NO_COLOR` says otherwise (https://no-color.org).
  static func isUsed(on descriptor: Int32) -> Bool {
    if let no = getenv("NO_COLOR"), no.pointee != 0 { return false }
    guard getenv("TERM") != nil else { return false }
    return known.withLock { known in
      if let answer = known[descriptor] { return answer }
      let answer = Terminal(descriptor, underLauncher: getenv("OMPI_COMM_WORLD_SIZE") != nil) != nil
      known[descriptor] = answer
      return answer
    }
  }

  /// Asking opens a file under mpirun.
  private static let known = Mutex<[Int32: Bool]>([:])

  /// A text of our own in this colour.
  func of(_ text: String, on descriptor: Int32) -> String {
    Self.isUsed(on: descriptor) ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
  }

  /// A message whose first word says how bad it is, with that word in its colour.
  static func marked(_ message: String, on descriptor: Int32) -> String {
    let marks: [(word: String, colour: Colour)] = [("Error", .red), ("Warning", .yellow), ("Note", .yellow)]
    for (word, colour) in marks where message.hasPrefix("\(word):") || message.hasPrefix("\(word) on rank ") {
      return colour.of(word, on: descriptor) + message.dropFirst(word.count)
    }
    return message
  }
}
