import Glibc

/// Opens something harmless as standard input, output and error where the process was started without one of them. The
/// first file it opens would take that number otherwise, and get what is printed.
///
/// Each is opened the wrong way round: reading from the input and writing to the outputs fails, as on what is closed, so
/// that a result which nobody can get is still an error.
func reserveStandardStreams() {
  for (descriptor, mode) in [(0, O_WRONLY), (1, O_RDONLY), (2, O_RDONLY)] as [(Int32, Int32)] {
    // The lowest number that is free is this one.
    if fcntl(descriptor, F_GETFD) < 0, errno == EBADF { _ = open("/dev/null", mode) }
  }
}
