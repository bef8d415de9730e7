import Synchronization
import Training

/// How far a pass over rows is, on standard error: on a terminal a line that is drawn over, elsewhere one every ten
/// seconds.
final class EvaluationProgress: Sendable {
  private let rows: Int
  private let terminal: Terminal?
  private let start = ContinuousClock.now
  private let lastShown: Mutex<ContinuousClock.Instant>

  init(rows: Int) {
    self.rows = rows
    terminal = Terminal(2, underLauncher: environmentVariables()["OMPI_COMM_WORLD_SIZE"] != nil)
    lastShown = Mutex(start)
  }

  /// - Parameter share: of the work that is done, from 0 to 1.
  func show(_ share: Double) {
    let now = ContinuousClock.now
    let isDue = lastShown.withLock { last in
      // What is quick needs no line.
      guard now - last >= (terminal == nil ? .seconds(10) : .milliseconds(200)) else { return false }
      last = now
      return true
    }
    guard isDue, share > 0 else { return }
    let seconds = (now - start).seconds
    let done = Int(share * Double(rows))
    let facts =
      "\(grouped(done)) of \(counted(rows, "row"))  \(fixed(Double(done) / seconds, 0)) rows/s  "
      + "\(clockTime(seconds / share - seconds)) left"
    guard let terminal else { return printError(facts) }
    ProgressLine.draw("\(progressBar(share))  \(facts)", on: terminal)
  }

  func end() { ProgressLine.clear() }
}
