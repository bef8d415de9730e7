import Glibc

/// A program that ran to its end: how it ended and what it printed.
struct ProgramRun: CustomStringConvertible {
  /// The exit status; `nil` where a signal ended it.
  let status: Int32?
  /// The signal that ended it.
  let signal: Int32?
  let output: String
  let errors: String
  let seconds: Double

  /// Seconds after which a program counts as one that hangs, on however busy a machine.
  static let patience = 180.0

  /// Starts a program and waits for its end.
  /// - Parameter variables: What to change in the environment; `nil` removes a variable.
  static func of(
    _ program: String, _ arguments: [String], in directory: String, variables: [String: String?] = [:]
  ) throws -> ProgramRun {
    try StartedProgram(program, arguments, in: directory, variables: variables).wait()
  }

  var description: String {
    "\(status.map { "status \($0)" } ?? "signal \(signal ?? 0)") after \(seconds) s\n\(output)\n\(errors)"
  }

  /// How often a text occurs in what was printed.
  func occurrences(of text: String) -> Int { (output + errors).occurrences(of: text) }
}

extension String {
  func occurrences(of text: String) -> Int { ranges(of: text).count }
}

struct ProgramFailure: Error, CustomStringConvertible {
  let description: String
}

/// A program that runs.
final class StartedProgram {
  private let process: pid_t
  private let name: String
  private let streams: [String]
  private let start = ContinuousClock.now
  private var hasEnded = false

  /// - Parameter terminal: a device to write everything to, in place of what a run returns.
  init(
    _ program: String, _ arguments: [String], in directory: String, variables: [String: String?] = [:],
    terminal: String? = nil
  ) throws {
    name = program
    // Files, which unlike pipes take any amount without a reader.
    let token = UInt64.random(in: .min ... .max)
    streams = ["output", "errors"].map { "/tmp/distill-ddp-tests-\($0)-\(token)" }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for (descriptor, path) in zip([1, 2] as [Int32], streams) {
      posix_spawn_file_actions_addopen(
        &actions, descriptor, terminal ?? path, terminal == nil ? O_WRONLY | O_CREAT | O_TRUNC : O_RDWR | O_NOCTTY,
        0o600)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // Tests run on threads that block signals, which a program would inherit.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
    var process: pid_t = 0
    // `env` changes the directory, which spawning cannot, and becomes the program.
    let env = "/usr/bin/env"
    let code = withCStrings([env, "-C", directory, program] + arguments) { arguments in
      withCStrings(Self.environment(variables)) { environment in
        posix_spawn(&process, env, &actions, &attributes, arguments, environment)
      }
    }
    guard code == 0 else {
      throw ProgramFailure(description: "\(program): could not be started: \(String(cString: strerror(code)))")
    }
    self.process = process
  }

  // One that nobody waited for would keep exit tests, which watch for any child's end, from seeing their own.
  deinit {
    guard !hasEnded else { return }
    kill(-process, SIGKILL)
    var status: Int32 = 0
    waitpid(process, &status, 0)
    for stream in streams { unlink(stream) }
  }

  /// - Throws: `ProgramFailure` where it does not end in time; it and what it started is then killed.
  ///
  /// - Parameter meanwhile: called again and again until then.
  func wait(meanwhile: () -> Void = {}) throws -> ProgramRun {
    var status: Int32 = 0
    while waitpid(process, &status, WNOHANG) == 0 {
      if seconds > ProgramRun.patience {
        // mpirun ends its ranks when it is asked to end.
        kill(-process, SIGTERM)
        sleep(2)
        kill(-process, SIGKILL)
        waitpid(process, &status, 0)
        hasEnded = true
        throw ProgramFailure(
          description: "\(name): did not end within \(ProgramRun.patience) s\n\(printed.joined(separator: "\n"))")
      }
      usleep(5000)
      meanwhile()
    }
    hasEnded = true
    meanwhile()
    let printed = printed
    for stream in streams { unlink(stream) }
    let signal = status & 0x7F
    return ProgramRun(
      status: signal == 0 ? (status >> 8) & 0xFF : nil, signal: signal == 0 ? nil : signal, output: printed[0],
      errors: printed[1], seconds: seconds)
  }

  /// Whether a text is among what it has printed so far.
  func hasPrinted(_ text: String) -> Bool { printed.contains { $0.contains(text) } }

  /// Sends a signal to the program: `mpirun`, or `distill-ddp` alone.
  func signal(_ number: Int32) { kill(process, number) }

  /// The processes it started: under `mpirun`, the ranks.
  var children: [pid_t] {
    let listing = try? ProgramRun.of("/bin/sh", ["-c", "cat /proc/\(process)/task/*/children"], in: "/")
    return (listing?.output ?? "").split { $0 == " " || $0 == "\n" }.compactMap { pid_t($0) }
  }

  /// Kills one rank, or the program itself where it has none.
  func killRank() { kill(children.randomElement() ?? process, SIGKILL) }

  private var seconds: Double {
    let elapsed = (ContinuousClock.now - start).components
    return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
  }

  private var printed: [String] { streams.map { String(decoding: bytes(of: $0) ?? [], as: UTF8.self) } }

  /// This process's environment with changes, as `NAME=value`.
  private static func environment(_ changes: [String: String?]) -> [String] {
    var result: [String] = []
    var entry = environ
    while let text = entry.pointee {
      let variable = String(cString: text)
      if changes[String(variable.prefix { $0 != "=" })] == nil { result.append(variable) }
      entry += 1
    }
    return result + changes.compactMap { name, value in value.map { "\(name)=\($0)" } }
  }
}

private func withCStrings<Result>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result) -> Result {
  let copies = strings.map { strdup($0) }
  defer { for copy in copies { free(copy) } }
  return body(copies + [nil])
}
