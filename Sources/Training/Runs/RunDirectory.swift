import Checkpoints
import Glibc
import JSON

/// A run's directory: `config.yaml`, `metrics.jsonl` and what `LogExports` makes of it, `summary.json`,
/// `stages/NAME/checkpoints/…`, `state/…`, and the links `best` and `last`. Only rank 0 touches it.
struct RunDirectory {
  let path: String

  /// What a run writes at the top of its directory.
  private static let names = [
    "config.yaml", "metrics.jsonl", "summary.json", "stages", "best", "last", stateName,
    LogExports.tensorBoardName, LogExports.tableName,
  ]
  static let stateName = "state"
  /// Not of a run: it is there while a process works in the directory, or if it was killed.
  private static let lockName = ".lock"

  /// Claims the directory for this process, if there is one: nobody else may write what it writes.
  ///
  /// - Throws: where another process has it.
  func claim() throws -> FileLock? {
    // A run that has ended is only looked at, perhaps where nothing can be written.
    var information = stat()
    guard stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR, access(path, W_OK) == 0 else {
      return nil
    }
    return try FileLock.claim(
      "\(path)/\(Self.lockName)", what: "run.directory: \(path)", remedy: "choose another directory")
  }

  /// Refuses a directory in which another process works, and changes nothing.
  func checkIsFree() throws {
    let lock = "\(path)/\(Self.lockName)"
    guard FileLock.isHeld(lock) else { return }
    throw ModelError(
      "run.directory: \(path): in use\(FileLockHolder.of(lock).map { " by \($0)" } ?? ""); wait for its end, or choose "
        + "another directory")
  }

  /// Refuses, before anything is loaded, a directory that holds a run already, unless told to replace it; one that
  /// cannot be made; and one whose replacement would delete what the run reads.
  func check(_ configuration: RunConfiguration, replaces: Bool) throws {
    try checkCanBeMade()
    guard let found = Self.names.first(where: { exists("\(path)/\($0)") }) else { return }
    guard replaces else {
      throw ModelError(
        "run.directory: \(path) holds a run already (\(found)); choose another, go on with it with --resume auto, or set "
          + "run.overwrite=true to replace it")
    }
    guard let own = resolved(path) else { return }
    for (key, input) in configuration.inputs {
      guard let input = resolved(input) else { continue }
      if Self.names.contains(where: { input == "\(own)/\($0)" || input.hasPrefix("\(own)/\($0)/") }) {
        throw ModelError(
          "run.directory: replacing the run would delete \(input), which \(key) names; choose another directory")
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
  func resolved(_ path: String) -> String? {
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

  /// Makes the directory that of a run that stopped at a state: what was begun later goes, what was being replaced comes
  /// back.
  ///
  /// - Parameter selection: of the state's stage.
  func resume(_ state: RunState, selection: CheckpointSelection.Record, configuration: RunConfiguration) throws {
    for name in try stageNames() {
      let index = configuration.stages.firstIndex { $0.name == name }
      if index.map({ $0 > state.stageIndex }) ?? false { try removeTree("\(path)/stages/\(name)") }
    }
    try recoverInterruptedWrites()
    // One that had ended goes on.
    if isFinished { try removeTree("\(path)/\(Self.summaryName)") }
    try stage(state.stage).link(selection)
    for name in ["best", "last"] where exists("\(path)/\(name)") { try removeTree("\(path)/\(name)") }
    if state.stageIndex > 0 { try link(stage: stage(configuration.stages[state.stageIndex - 1].name)) }
    try writeAtomically(Array(configuration.resolvedYAML().utf8), to: "\(path)/config.yaml")
  }

  /// Clears up what a killed process was writing outside of `state`.
  func recoverInterruptedWrites() throws {
    let stages = try stageNames().flatMap { ["\(path)/stages/\($0)", "\(path)/stages/\($0)/checkpoints"] }
    for directory in [path, "\(path)/stages"] + stages where exists(directory) {
      try Checkpoints.recoverInterruptedWrites(in: directory)
    }
  }

  /// Whether the run in it has ended.
  var isFinished: Bool { exists("\(path)/\(Self.summaryName)") }

  private static let summaryName = "summary.json"

  func finish(_ report: RunReport) throws {
    try writeAtomically(report.json.bytes(.pretty) + [UInt8(ascii: "\n")], to: "\(path)/\(Self.summaryName)")
  }

  /// The checkpoints that the stages of the finished run keep, relative to its directory.
  func finishedCheckpoints() throws -> [String] {
    let path = "\(path)/\(Self.summaryName)"
    guard let names = try JSON(contentsOf: path)["checkpoints"]?.array?.map(\.string), !names.contains(nil) else {
      throw ModelError("\(path): expected a list of names under checkpoints; was it written by an older distill-ddp?")
    }
    return names.compactMap { $0 }
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

  /// The stages that have a directory.
  func stageNames() throws -> [String] {
    exists("\(path)/stages") ? try entries(of: "\(path)/stages").filter { !$0.hasPrefix(".") } : []
  }

  func exists(_ path: String) -> Bool {
    var information = stat()
    return lstat(path, &information) == 0
  }
}

extension RunConfiguration {
  /// The files and directories a run reads, with the keys that name them.
  fileprivate var inputs: [(key: String, path: String)] {
    var inputs: [(String, String)] = []
    for (index, teacher) in teachers.enumerated() {
      if let model = teacher.model { inputs.append((teacherKey(index), model)) }
      for path in teacher.predictions {
        inputs.append((teacherKey(index).replacing("model", with: "predictions"), path))
      }
    }
    if case .model(let model) = student.source { inputs.append(("student.model", model)) }
    if let tokenizer = student.tokenizer { inputs.append(("student.tokenizer", tokenizer)) }
    let texts =
      (data.unlabelled.sources + stages.flatMap(\.unlabelled.sources)).map { ("data.unlabelled", $0) }
      + (student.vocabulary?.from ?? []).map { ("student.vocabulary.from", $0) }
    let measured = [("data.validation", data.validation), ("data.test", data.test)].compactMap { key, source in
      source.map { (key, $0) }
    }
    for (key, source) in [("data.train", data.train)] + measured + texts {
      var labels: String?
      if case .lines(let path?) = source.format { labels = path }
      inputs += source.openedPaths.map { ($0 == labels ? "\(key).labels" : key, $0) }
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

  /// Removes the checkpoints that nothing needs.
  package func prune(where isNeeded: (String) -> Bool) throws {
    for name in try entries(of: "\(path)/checkpoints") where name.hasPrefix("step=") && !isNeeded(name) {
      try removeTree("\(path)/checkpoints/\(name)")
    }
  }

  /// Points `best` and `last` at what a selection says, or at nothing.
  func link(_ selection: CheckpointSelection.Record) throws {
    for (name, checkpoint) in [("best", selection.best), ("last", selection.linksLast ? selection.last : nil)] {
      let link = "\(path)/\(name)"
      if let checkpoint {
        try replaceSymbolicLink(link, target: "checkpoints/\(checkpoint)")
      } else {
        // Where there is none, that is as it should be.
        unlink(link)
      }
    }
  }
}
