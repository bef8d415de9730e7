import Glibc

private let blasThreads = "OPENBLAS_NUM_THREADS"

/// Starts the program again with OpenBLAS limited to one thread, unless it is: OpenBLAS makes its threads when it is
/// loaded, before `main`, and they would compete with the workers. Does nothing if that was tried already.
func restartWithOneBLASThread() {
  let isSet = getenv(blasThreads).map { String(cString: $0) == "1" } ?? false
  guard !isSet else { return }
  setenv(blasThreads, "1", 1)
  var arguments = CommandLine.unsafeArgv
  // Where the program cannot be found again, OpenBLAS's threads are a loss of speed only.
  withUnsafePointer(to: &arguments) { _ = execv("/proc/self/exe", $0.pointee) }
}

/// The process's environment.
func environmentVariables() -> [String: String] {
  var variables: [String: String] = [:]
  var entry = environ
  while let text = entry.pointee {
    let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
    entry += 1
  }
  return variables
}
