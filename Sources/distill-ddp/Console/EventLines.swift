import Glibc
import JSON
import Training

/// `--json`: events as the lines of `metrics.jsonl`, and nothing else on standard output.
enum EventLines {
  static func print(_ event: TrainingEvent) {
    // What the log does not hold is for display.
    if case .ranks(let report) = event, !report.isOfEpoch { return }
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    printLine(event.line(time: time).text())
  }
}
