import Glibc
import Hub
import Synchronization
import Training

/// What is shown of a download, on standard error, where it is in no result's way: on a terminal a bar that is drawn
/// over, elsewhere a line every few seconds.
final class DownloadConsole: Sendable {
  private struct State {
    var lastShown: ContinuousClock.Instant?
    var start = ContinuousClock.now
    var lineIsOpen = false
  }

  private let state = Mutex(State())
  private let isTerminal: Bool

  private static let barWidth = 20

  init(isTerminal: Bool) { self.isTerminal = isTerminal }

  func show(_ event: HubEvent) {
    state.withLock { state in
      switch event {
      case .resolved: break
      case .started(let name, let files, let bytes):
        state.start = .now
        state.lastShown = nil
        line("Downloading \(name): \(files) file\(files == 1 ? "" : "s"), \(megabytes(bytes))", &state)
      case .progress(let progress): show(progress, &state)
      case .waiting(let file): line("Waiting for another process that downloads \(file)", &state)
      case .retrying(let file, let problem, let seconds):
        line("\(file): \(problem); trying again\(seconds > 0 ? " in \(fixed(seconds, 0)) s" : "")", &state)
      case .finished(let name, let bytes, let seconds):
        line("Downloaded \(name): \(megabytes(bytes)) in \(clockTime(seconds))", &state)
      case .notice(let text): line("Note: \(text)", &state)
      }
    }
  }

  private func show(_ progress: FetchProgress, _ state: inout State) {
    let now = ContinuousClock.now
    if let last = state.lastShown, now - last < .seconds(isTerminal ? 0.1 : 5), progress.done < progress.total {
      return
    }
    // Where nothing is drawn over, what is quick needs no line.
    if state.lastShown == nil, !isTerminal, now - state.start < .seconds(5) { return }
    state.lastShown = now
    let share = Double(progress.done) / Double(max(progress.total, 1))
    let rate = Double(progress.received) / max((now - state.start) / .seconds(1), 1e-3)
    let left = Double(progress.total - progress.done) / max(rate, 1)
    let facts =
      "\(fixed(100 * share, 0)) %  \(megabytes(progress.done)) of \(megabytes(progress.total))  "
      + "\(megabytes(Int(rate)))/s  \(clockTime(left)) left  \(progress.file)"
    guard isTerminal else { return line(facts, &state) }
    let filled = Int(share * Double(Self.barWidth))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.barWidth - filled)
    printErrorPart("\r\u{1B}[K" + "\(bar)  \(facts)".prefix(terminalWidth - 1))
    state.lineIsOpen = true
  }

  private func line(_ text: String, _ state: inout State) {
    if state.lineIsOpen { printErrorPart("\n") }
    state.lineIsOpen = false
    printError(text)
  }

  private func megabytes(_ bytes: Int) -> String { "\(fixed(Double(bytes) / 1e6, bytes < 10_000_000 ? 1 : 0)) MB" }
}

extension Hub {
  /// The hub as the environment describes it, with progress on standard error.
  ///
  /// - Parameter isShown: whether progress is shown; of several ranks, rank 0's is.
  static func ofEnvironment(isShown: Bool = true, isCancelled: @escaping @Sendable () -> Bool = { false }) throws -> Hub
  {
    let variables = environmentVariables()
    let underLauncher = variables["OMPI_COMM_WORLD_SIZE"] != nil
    let console = DownloadConsole(isTerminal: outputIsTerminal(underLauncher: underLauncher, descriptor: 2))
    return Hub(try HubSettings(variables: variables), isCancelled: isCancelled) { event in
      if isShown { console.show(event) }
    }
  }
}
