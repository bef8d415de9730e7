import Glibc

/// Runs workers over all cases of a target, one process after the other, and counts those that die.
struct Supervisor {
  let target: FuzzTarget
  let cases: Int
  let seed: UInt64
  let keep: String

  /// Wall time after which a case is taken for endless; the limit itself is measured by the worker in processor time.
  private static let endless = 20.0
  /// More deaths say nothing new.
  private static let mostTraps = 50

  struct Report {
    var cases = 0
    var accepted = 0
    var refused = 0
    var traps = 0
    var tooSlow = 0
    var tooLarge = 0
    var slowest = 0.0
    var peak = 0
    /// What is wrong, a line each.
    var misses: [String] = []
  }

  func run() -> Report {
    let tallyPath = "\(keep)/.\(target.name)-\(getpid())"
    defer { unlink(tallyPath) }
    let tally = Tally(path: tallyPath)
    var report = Report()
    while tally[.current] < cases, report.traps < Self.mostTraps {
      guard let cause = work(from: tally[.current], tallyPath, tally) else { continue }
      let index = tally[.current]
      let path = "\(keep)/\(target.name)-\(index)-trap"
      writeFile(target.input(index, seed: seed), path)
      report.traps += 1
      report.misses.append("\(target.name): case \(index) of seed \(seed): \(cause): \(path)")
      tally[.current] = index + 1
    }
    report.cases = tally[.current]
    (report.accepted, report.refused) = (tally[.accepted], tally[.refused])
    (report.tooSlow, report.tooLarge) = (tally[.tooSlow], tally[.tooLarge])
    report.slowest = Double(tally[.slowestMicroseconds]) / 1e6
    report.peak = tally[.peakBytes]
    if report.tooSlow > 0 {
      report.misses.append(
        "\(target.name): \(report.tooSlow) cases took over three seconds, the longest case \(tally[.slowestCase]); "
          + "see \(keep)")
    }
    if report.tooLarge > 0 {
      report.misses.append(
        "\(target.name): \(report.tooLarge) cases took more than \(target.memoryPerByte) times their size and 64 MiB, the most case "
          + "\(tally[.peakCase]); see \(keep)")
    }
    return report
  }

  /// - Returns: How a worker died, or nil if it is done.
  private func work(from start: Int, _ tallyPath: String, _ tally: Tally) -> String? {
    let arguments = [
      CommandLine.arguments[0], "--worker", tallyPath, "--parser", target.name, "--from", "\(start)", "--cases",
      "\(cases)", "--seed", "\(seed)", "--keep", keep,
    ]
    // A worker's death is expected; what it was doing is found by its input.
    setenv("SWIFT_BACKTRACE", "enable=no", 1)
    var child: pid_t = 0
    var strings: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for string in strings { free(string) } }
    let problem = posix_spawn(&child, "/proc/self/exe", nil, nil, &strings, environ)
    guard problem == 0 else { return "cannot be started: \(String(cString: strerror(problem)))" }
    var status: Int32 = 0
    var (seen, waited) = (tally[.current], 0.0)
    while waitpid(child, &status, WNOHANG) == 0 {
      usleep(20_000)
      waited = tally[.current] == seen ? waited + 0.02 : 0
      seen = tally[.current]
      if waited > Self.endless { kill(child, SIGKILL) }
    }
    if status == 0 { return nil }
    Workspace(of: child).remove()
    if waited > Self.endless { return "no end after \(Int(Self.endless)) seconds" }
    let signal = status & 0x7f
    return signal == 0 ? "exit status \(status >> 8)" : String(cString: strsignal(signal))
  }
}
