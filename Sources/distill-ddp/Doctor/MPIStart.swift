import Collectives
import Glibc
import MPICollectives
import Training

/// Whether MPI starts, tried in a process of its own: MPI ends the process it cannot start in.
enum MPIStart {
  /// The hidden option that makes a process do nothing but start MPI.
  static let option = "--start-mpi"
  private static let limit = 30.0

  static func finding(in environment: LaunchEnvironment) -> Finding {
    let found = Result { try MPILibrary.version(for: environment) }
    if case .failure(let error) = found {
      return Finding("MPI", .warning, "\(error)", remedy: "one process needs no MPI; unset it, or correct it")
    }
    guard case .success(let version?) = found else {
      return Finding("MPI", .ok, "no library of Open MPI or MPICH on this machine: one process needs none")
    }
    guard let (status, output) = startInChild() else {
      return Finding(
        "MPI", .warning, "\(version); starting it did not end within \(fixed(limit, 0)) s",
        remedy: "mpirun -np 1 hostname tells whether MPI works here; one process needs none")
    }
    if status == 0 { return Finding("MPI", .ok, "\(version) starts; this is one process, which needs none") }
    let reason = output.split(separator: "\n").first { $0.contains(where: \.isLetter) }.map { ": \($0)" } ?? ""
    return Finding(
      "MPI", .warning, "\(version) does not start (status \(status))\(reason)",
      remedy: "install the mpirun of the same version as the library; one process needs no MPI")
  }

  /// Its status and what it printed; `nil` where it does not end.
  private static func startInChild() -> (status: Int32, output: String)? {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return nil }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in [1, 2] as [Int32] { posix_spawn_file_actions_adddup2(&actions, ends[1], descriptor) }
    for descriptor in ends { posix_spawn_file_actions_addclose(&actions, descriptor) }
    let words = ["distill-ddp", "doctor", option]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, "/proc/self/exe", &actions, nil, &arguments, environ)
    close(ends[1])
    defer { close(ends[0]) }
    guard code == 0 else { return (code, String(cString: strerror(code))) }
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    let clock = ContinuousClock()
    let start = clock.now
    var event = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
    while (clock.now - start).seconds < limit {
      guard poll(&event, 1, 200) > 0 else { continue }
      let count = read(ends[0], &chunk, chunk.count)
      guard count > 0 else { break }
      output += chunk.prefix(count).prefix(max(0, 65536 - output.count))
    }
    var status: Int32 = 0
    // What is left of it is ended: it has closed its output or had its time.
    for _ in 0..<20 {
      if waitpid(process, &status, WNOHANG) == process {
        let signal = status & 0x7F
        return (signal == 0 ? (status >> 8) & 0xFF : 128 + signal, String(decoding: output, as: UTF8.self))
      }
      usleep(50_000)
    }
    kill(process, SIGKILL)
    waitpid(process, &status, 0)
    return nil
  }
}
