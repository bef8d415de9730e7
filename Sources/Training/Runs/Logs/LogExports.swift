import JSON

/// What other programs read of a run, made from its log: TensorBoard's event files and `metrics.csv`. Nothing that goes
/// wrong with them ends a run.
final class LogExports {
  private let log: MetricsLines
  private let tablePath: String?
  private var tensorBoard: TensorBoardLog?
  private let announce: (String) -> Void

  static let tensorBoardName = "tensorboard"
  static let tableName = "metrics.csv"

  /// - Parameters:
  ///   - logPath: the log, with what it holds already.
  ///   - announce: is told what could not be written.
  init(_ configuration: RunConfiguration, logPath: String, announce: @escaping (String) -> Void) {
    let run = configuration.run
    log = MetricsLines(logPath)
    tablePath = run.csv ? "\(run.directory)/\(Self.tableName)" : nil
    self.announce = announce
    guard run.tensorboard else { return }
    attempt("TensorBoard's files") {
      tensorBoard = try TensorBoardLog(
        directory: "\(run.directory)/\(Self.tensorBoardName)", configuration: configuration.resolvedYAML(), log: log)
    }
  }

  /// Adds a line that the log holds by now.
  func add(_ event: JSON) {
    if !attempt("TensorBoard's files", { try tensorBoard?.add(event) }) {
      tensorBoard = nil
    }
    guard let tablePath, event["event"]?.string == "stage_finished" else { return }
    attempt("the table of metrics") { try MetricsTable(log).write(to: tablePath) }
  }

  @discardableResult
  private func attempt(_ what: String, _ write: () throws -> Void) -> Bool {
    do {
      try write()
      return true
    } catch {
      announce("\(what) could not be written, and the run goes on without: \(error)")
      return false
    }
  }
}
