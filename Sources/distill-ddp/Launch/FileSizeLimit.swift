import Glibc

/// A limit on the size of files (`ulimit -f`) is an error of the write that exceeds it, like a full disk, and not the end
/// of the process.
func reportFileSizeLimitAsError() { signal(SIGXFSZ, SIG_IGN) }
