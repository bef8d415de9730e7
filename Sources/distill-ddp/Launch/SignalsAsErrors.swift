import Glibc

/// A limit on the size of files (`ulimit -f`) is an error of the write that exceeds it, like a full disk, and not the end
/// of the process.
func reportFileSizeLimitAsError() { signal(SIGXFSZ, SIG_IGN) }

/// A reader of the output that went away is an error of the write, and not the end of the process.
func reportClosedOutputAsError() { signal(SIGPIPE, SIG_IGN) }
