import Checkpoints
import Glibc
import JSON

/// A run's directory: `config.yaml`, `metrics.jsonl`, `summary.json`, `stages/NAME/checkpoints/…`, and the links `best`
/// and `last`. Only rank 0 touches it.
struct RunDirectory {
  let path: String

  /// What a run writes at the top of its directory.
  private static let names = ["config.yaml", "metrics.jsonl", "summary.json", "stages", "best", "last"]

  /// Refuses a directory that holds a run already, unless told to replace it.
  func checkIsFree(overwrite: Bool) throws {
    guard !overwrite, let found = Self.names.first(where: { exists("\(path)/\($0)") }) else { return }
    throw ModelError(
      "\(path): holds a run already (\(found)); choose another run.directory, or set run.overwrite=true to replace it")
  }

  /// Creates the directory, empties it of an earlier run, and saves the configuration.
  func begin(configuration: RunConfiguration) throws {
    try createDirectories(path)
    for name in Self.names where exists("\(path)/\(name)") { try removeTree("\(path)/\(name)") }
    try createDirectories("\(path)/stages")
    try writeAtomically(Array(configuration.resolvedYAML().utf8), to: "\(path)/config.yaml")
  }

  func finish(_ report: RunReport) throws {
    try writeAtomically(report.json.bytes(.pretty) + [UInt8(ascii: "\n")], to: "\(path)/summary.json")
  }

  /// Points `best` and `last` at the latest stage's.
  func link(stage: StageDirectory) throws {
    for name in ["best", "last"] where exists("\(stage.path)/\(name)") {
      try replaceSymbolicLink("\(path)/\(name)", target: "stages/\(stage.name)/\(name)")
    }
  }

  func stage(_ name: String) throws -> StageDirectory {
    let stage = StageDirectory(name: name, path: "\(path)/stages/\(name)")
    try createDirectories("\(stage.path)/checkpoints")
    return stage
  }

  private func exists(_ path: String) -> Bool {
    var information = stat()
    return lstat(path, &information) == 0
  }
}

/// One stage's part of a run directory.
package struct StageDirectory {
  let name: String
  let path: String

  package init(name: String, path: String) {
    self.name = name
    self.path = path
  }
}

/// `metrics.jsonl`: one event a line, each written whole in one call, so that a crash loses at most the last.
final class MetricsLog {
  private let descriptor: Int32
  private let path: String

  init(path: String) throws {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ModelError("\(path): cannot be opened: \(String(cString: strerror(errno)))") }
  }

  deinit { close(descriptor) }

  func append(_ event: TrainingEvent) throws {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    guard case .object(var object) = event.json else { return }
    object["time"] = .number(Double(time.tv_sec) + Double(time.tv_nsec / 1_000_000) / 1000)
    let line = JSON.object(object).bytes() + [UInt8(ascii: "\n")]
    let written = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard written == line.count else {
      throw ModelError("\(path): could not be written: \(String(cString: strerror(errno)))")
    }
    // A validation is worth a flush: what came before it is then safe from a power failure too.
    if case .validated = event { fsync(descriptor) }
  }
}
