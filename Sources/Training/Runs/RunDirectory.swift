import Checkpoints
import Glibc
import JSON

/// A run's directory: `config.yaml`, `metrics.jsonl`, `summary.json`, `stages/NAME/checkpoints/…`, and the links `best`
/// and `last`. Only rank 0 touches it.
struct RunDirectory {
  let path: String

  /// What a run writes at the top of its directory.
  private static let names = ["config.yaml", "metrics.jsonl", "summary.json", "stages", "best", "last"]

  /// Refuses, before anything is loaded, a directory that holds a run already, unless told to replace it; one that
  /// cannot be made; and one whose replacement would delete what the run reads.
  func check(_ configuration: RunConfiguration) throws {
    try checkCanBeMade()
    guard let found = Self.names.first(where: { exists("\(path)/\($0)") }) else { return }
    guard configuration.run.overwrite else {
      throw ModelError(
        "run.directory: \(path) holds a run already (\(found)); choose another, or set run.overwrite=true to replace it"
      )
    }
    guard let own = resolved(path) else { return }
    for (key, input) in configuration.inputs {
      guard let input = resolved(input) else { continue }
      if Self.names.contains(where: { input == "\(own)/\($0)" || input.hasPrefix("\(own)/\($0)/") }) {
        throw ModelError(
          "run.directory: run.overwrite would delete \(input), which \(key) names; choose another directory")
      }
    }
  }

  /// The nearest directory there is must be one that can be written in.
  private func checkCanBeMade() throws {
    var above = path
    while !exists(above), let slash = above.lastIndex(of: "/"), slash != above.startIndex {
      above = String(above[..<slash])
    }
    let nearest = exists(above) ? above : path.hasPrefix("/") ? "/" : "."
    var information = stat()
    guard stat(nearest, &information) == 0, information.st_mode & S_IFMT == S_IFDIR else {
      throw ModelError("run.directory: \(path): expected a directory, found a file at \(nearest); choose another path")
    }
    guard access(nearest, W_OK | X_OK) == 0 else {
      throw ModelError(
        "run.directory: \(path): cannot be written: \(nearest): \(String(cString: strerror(errno))); choose another path"
      )
    }
  }

  /// The path without links, or `nil` where nothing is there.
  private func resolved(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
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

extension RunConfiguration {
  /// The files and directories a run reads, with the keys that name them.
  fileprivate var inputs: [(key: String, path: String)] {
    var inputs: [(String, String)] = []
    if let teacher { inputs.append(("teacher.model", teacher.model)) }
    if case .model(let model) = student.source { inputs.append(("student.model", model)) }
    if let tokenizer = student.tokenizer { inputs.append(("student.tokenizer", tokenizer)) }
    for (key, source) in [("data.train", data.train), ("data.validation", data.validation)] {
      guard let source else { continue }
      inputs.append((key, source.path))
      if case .lines(let labels?) = source.format { inputs.append(("\(key).labels", labels)) }
    }
    return inputs
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
