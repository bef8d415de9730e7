import Glibc
import Synchronization

/// Signals that ask a run to save its state and stop: SIGTERM, SIGINT, SIGUSR1 and SIGUSR2, the two last as batch
/// systems send them ahead of a time limit.
///
/// The handler does nothing but set a number. A second signal ends the process at once; one that comes with the first,
/// as when a launcher and a batch system both send it, is taken for the same.
enum StopSignals {
  /// Seconds and nanoseconds in one; 0 before the first signal.
  private static let firstAt = Atomic<Int64>(0)
  private static let first = Atomic<Int32>(0)
  private static let sameWithin: Int64 = 500_000_000

  /// The first signal's number, or `nil` before it.
  static var received: Int32? {
    let signal = first.load(ordering: .acquiring)
    return signal == 0 ? nil : signal
  }

  static func watch() {
    // Touched here, as a handler must not be the first to initialise them.
    _ = received
    _ = firstAt.load(ordering: .relaxed)
    for number in [SIGTERM, SIGINT, SIGUSR1, SIGUSR2] { handle(number) { StopSignals.note($0) } }
  }

  /// From when there is nothing left to save: a launcher that ends the job must not change how it ended.
  static func ignore() {
    for number in [SIGTERM, SIGINT, SIGUSR1, SIGUSR2] { signal(number, SIG_IGN) }
  }

  /// `SIGTERM` for 15.
  static func name(of number: Int32) -> String {
    [SIGTERM: "SIGTERM", SIGINT: "SIGINT", SIGUSR1: "SIGUSR1", SIGUSR2: "SIGUSR2"][number] ?? "signal \(number)"
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
      return
    }
    let before = firstAt.load(ordering: .acquiring)
    if before != 0, now - before > sameWithin { _exit(128 + number) }
  }
}
