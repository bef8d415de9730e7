import Glibc
import Synchronization

/// Signals that ask a run to save its state and stop: SIGTERM and SIGINT, SIGHUP as a terminal that goes away sends it,
/// and SIGUSR1 and SIGUSR2, as batch systems send them ahead of a time limit.
///
/// The handler sets a number and says so. A second signal ends the process at once; one that comes with the first, as
/// when a launcher and a batch system both send it, is taken for the same.
enum StopSignals {
  /// Seconds and nanoseconds in one; 0 before the first signal.
  private static let firstAt = Atomic<Int64>(0)
  private static let first = Atomic<Int32>(0)
  private static let sameWithin: Int64 = 500_000_000
  private static let numbers = [SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP]
  private static let isTraining = Atomic(false)
  /// Whether this rank says what a signal does.
  private static let speaks = Atomic(false)
  /// The terminal with a line on it that has not ended; -1 without.
  private static let unendedLine = Atomic<Int32>(-1)

  private static let whileTraining: StaticString = "Stopping after this step, with the state saved; again to quit now\n"
  private static let whileLoading: StaticString = "Stopping when loading is done; again to quit now\n"

  /// The first signal's number, or `nil` before it.
  static var received: Int32? {
    let signal = first.load(ordering: .acquiring)
    return signal == 0 ? nil : signal
  }

  /// - Parameter speaks: whether this process says what a signal does, as rank 0 does for all.
  static func watch(speaks: Bool) {
    self.speaks.store(speaks, ordering: .relaxed)
    // Touched here, as a handler must not be the first to initialise them.
    _ = received
    _ = firstAt.load(ordering: .relaxed)
    _ = (isTraining.load(ordering: .relaxed), unendedLine.load(ordering: .relaxed), sameWithin)
    _ = (whileTraining, whileLoading)
    for number in numbers where !(number == SIGHUP && isIgnored(SIGHUP)) { handle(number) { StopSignals.note($0) } }
  }

  /// From here a signal stops the run behind a step.
  static func trainingBegins() { isTraining.store(true, ordering: .relaxed) }

  /// What is written at a signal begins a line of its own.
  /// - Parameter descriptor: of the terminal on which a line has not ended, or `nil`.
  static func lineIsOpen(on descriptor: Int32?) { unendedLine.store(descriptor ?? -1, ordering: .relaxed) }

  /// From when there is nothing left to save: a launcher that ends the job must not change how it ended.
  static func ignore() {
    for number in numbers { signal(number, SIG_IGN) }
  }

  /// `SIGTERM` for 15.
  static func name(of number: Int32) -> String {
    [SIGTERM: "SIGTERM", SIGINT: "SIGINT", SIGUSR1: "SIGUSR1", SIGUSR2: "SIGUSR2", SIGHUP: "SIGHUP"][number]
      ?? "signal \(number)"
  }

  /// As `nohup` leaves it to what it starts.
  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  private static func handle(_ number: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = handler
    // Calls that were interrupted go on.
    action.sa_flags = SA_RESTART
    sigemptyset(&action.sa_mask)
    sigaction(number, &action, nil)
    // Whoever started the program may have blocked it.
    var one = sigset_t()
    sigemptyset(&one)
    sigaddset(&one, number)
    pthread_sigmask(SIG_UNBLOCK, &one, nil)
  }

  private static func note(_ number: Int32) {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    if first.compareExchange(expected: 0, desired: number, ordering: .acquiringAndReleasing).exchanged {
      firstAt.store(now, ordering: .releasing)
      say()
      return
    }
    let before = firstAt.load(ordering: .acquiring)
    if before != 0, now - before > sameWithin { _exit(128 + number) }
  }

  /// Written straight away: the step may take a minute. Nothing but `write`, as in any handler.
  private static func say() {
    guard speaks.load(ordering: .relaxed) else { return }
    let errorNumber = errno
    let text = isTraining.load(ordering: .relaxed) ? whileTraining : whileLoading
    let terminal = unendedLine.load(ordering: .relaxed)
    if terminal >= 0 { _ = write(terminal, "\n", 1) }
    _ = write(terminal >= 0 ? terminal : 2, text.utf8Start, text.utf8CodeUnitCount)
    errno = errorNumber
  }
}
