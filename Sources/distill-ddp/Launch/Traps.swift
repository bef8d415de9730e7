import Glibc
import Synchronization

/// What a trap says, as an address; nothing may be allocated any more when one comes.
private let trapMessage = Atomic<UInt>(0)
private let trapEndsProcess = Atomic(false)

/// Has the process say a word where a check of its own ends it: release builds print nothing, and memory that Swift's own
/// arrays do not get is such a check too. Where the address space is limited that is by far the likeliest, in whatever
/// library memory was missing, and the process ends like after any other error.
func explainTraps() {
  var limit = rlimit()
  let isLimited =
    getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 && limit.rlim_cur < 1 << 60
  let cause =
    isLimited
    ? "most likely out of memory: the address space is limited to \(limit.rlim_cur) bytes; raise it, as with ulimit -v "
      + "unlimited"
    : "a mistake of distill-ddp, or out of memory; please report the command and its data"
  trapEndsProcess.store(isLimited, ordering: .releasing)
  trapMessage.store(UInt(bitPattern: strdup("Error: stopped by a check of its own: \(cause)\n")), ordering: .releasing)
  for number in [SIGILL, SIGTRAP] + (isLimited ? [SIGABRT, SIGSEGV, SIGBUS] : []) {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in
      if let text = UnsafePointer<CChar>(bitPattern: trapMessage.load(ordering: .acquiring)) {
        _ = write(2, text, strlen(text))
      }
      if trapEndsProcess.load(ordering: .acquiring) { _exit(1) }
    }
    // Once: back from the handler, the same instruction ends the process.
    action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
    sigemptyset(&action.sa_mask)
    sigaction(number, &action, nil)
  }
}
