import Hub
import Synchronization
import Training

/// What is shown of a download, on standard error, where it is in no result's way: on a terminal a bar that is drawn
/// over, elsewhere a line every few seconds.
final class DownloadConsole: Sendable {
  private struct State {
    var lastShown: ContinuousClock.Instant?
    var start = ContinuousClock.now
  }

  private let state = Mutex(State())
  private let terminal: Terminal?

  private static let barWidth = 20

  /// - Parameter terminal: of standard error.
  init(terminal: Terminal?) { self.terminal = terminal }

  func show(_ event: HubEvent) {
    state.withLock { state in
      switch event {
      case .resolved: break
      case .started(let name, let files, let bytes):
        state.start = .now
        state.lastShown = nil
        printError("Downloading \(name): \(files) file\(files == 1 ? "" : "s"), \(megabytes(bytes))")
      case .progress(let progress): show(progress, &state)
      case .waiting(let file, let holder):
        printError("Waiting for \(holder ?? "another process"), which downloads \(file)")
      case .retrying(let file, let problem, let seconds):
        printError("\(file): \(problem); trying again\(seconds > 0 ? " in \(fixed(seconds, 0)) s" : "")")
      case .finished(let name, let bytes, let seconds):
        printError("Downloaded \(name): \(megabytes(bytes)) in \(clockTime(seconds))")
      case .notice(let text): printError("Note: \(text)")
      }
    }
  }

  private func show(_ progress: FetchProgress, _ state: inout State) {
    let now = ContinuousClock.now
    if let last = state.lastShown, now - last < .seconds(terminal == nil ? 5 : 0.1), progress.done < progress.total {
      return
    }
    // Where nothing is drawn over, what is quick needs no line.
    if state.lastShown == nil, terminal == nil, now - state.start < .seconds(5) { return }
    state.lastShown = now
    let share = Double(progress.done) / Double(max(progress.total, 1))
    let rate = Double(progress.received) / max((now - state.start) / .seconds(1), 1e-3)
    let left = Double(progress.total - progress.done) / max(rate, 1)
    let facts =
      "\(fixed(100 * share, 0)) %  \(megabytes(progress.done)) of \(megabytes(progress.total))  "
      + "\(megabytes(Int(rate)))/s  \(clockTime(left)) left  \(progress.file)"
    guard let terminal else { return printError(facts) }
    let filled = Int(share * Double(Self.barWidth))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.barWidth - filled)
    ProgressLine.draw("\(bar)  \(facts)", on: terminal)
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
    let console = DownloadConsole(terminal: Terminal(2, underLauncher: underLauncher))
    return Hub(try HubSettings(variables: variables), isCancelled: isCancelled) { event in
      if isShown { console.show(event) }
    }
  }
}
