import Checkpoints
import Glibc
import JSON
import Kernels

/// `RUN/state`: what a run needs to go on where it was, the newest few, and the link `last`. Only rank 0 has one.
///
/// A state refers to the student's checkpoints that the run still needs. They are kept as long as a state that is kept
/// refers to them, so that an older state is as good as the newest.
final class StateDirectory {
  let path: String
  private let run: RunDirectory
  private let keep: Int
  private let keepsFinal: Bool
  /// The states that are kept, oldest first, with the checkpoints they refer to.
  private var kept: [(name: String, checkpoints: [String])] = []

  init(_ run: RunDirectory, _ settings: RunSettings) {
    self.run = run
    keep = settings.keepStates
    keepsFinal = settings.keepFinalState
    path = "\(run.path)/\(RunDirectory.stateName)"
  }

  // MARK: Saving

  /// Saves a state, moves `last` to it, and then removes what no state needs any more.
  func save(_ state: RunState, weights: ParameterBuffer, optimizer: Optimizer) throws {
    let target = "\(path)/\(state.name)"
    let json = state.json.bytes(.pretty) + [UInt8(ascii: "\n")]
    try requireDiskSpace(
      weights.values.count * MemoryLayout<Float>.stride + optimizer.stateByteCount + json.count, at: target)
    try replaceDirectory(target) { directory in
      try weights.write(to: "\(directory)/\(Self.weightsName)")
      try optimizer.writeMoments(to: "\(directory)/\(Self.momentsName)")
      try writeAtomically(json, to: "\(directory)/\(RunState.fileName)")
      try CheckpointManifest.write(into: directory)
    }
    try replaceSymbolicLink("\(path)/last", target: state.name)
    kept.removeAll { $0.name == state.name }
    kept.append((state.name, state.checkpoints))
    while kept.count > keep { try removeTree("\(path)/\(kept.removeFirst().name)") }
    try prune(keeping: state.checkpoints)
  }

  private static let weightsName = "weights.safetensors"
  private static let momentsName = "moments.safetensors"

  /// Removes the student's checkpoints that neither a kept state refers to nor the run uses.
  func prune(keeping used: [String]) throws {
    let needed = Set(used + kept.flatMap(\.checkpoints))
    for stage in try run.stageNames() {
      let directory = StageDirectory(name: stage, path: "\(run.path)/stages/\(stage)")
      try directory.prune { needed.contains("stages/\(stage)/checkpoints/\($0)") }
    }
  }

  // MARK: Reading

  /// The states there are, newest first, whether or not they can be used.
  func candidates() throws -> [String] {
    guard access(path, F_OK) == 0 else { return [] }
    return try entries(of: path).compactMap { name in
      RunState.position(ofName: name).map { (name, $0) }
    }.sorted { $0.1 > $1.1 }.map { "\(path)/\($0.0)" }
  }

  /// Reads a state after checking every file of it, and of the student's checkpoints it refers to.
  func verified(_ state: String) throws -> RunState {
    try CheckpointManifest.verify(state)
    let result = try read(state)
    for checkpoint in result.checkpoints { try CheckpointManifest.verify("\(run.path)/\(checkpoint)") }
    return result
  }

  private func read(_ state: String) throws -> RunState {
    let path = "\(state)/\(RunState.fileName)"
    do {
      return try RunState(json: JSON(contentsOf: path, limits: JSON.Limits(bytes: 16 << 20)))
    } catch let error as ModelError {
      throw ModelError("\(path): \(error)")
    }
  }

  func read(_ state: String, weights: ParameterBuffer, optimizer: Optimizer) throws {
    try weights.read(from: "\(state)/\(Self.weightsName)")
    try optimizer.readMoments(from: "\(state)/\(Self.momentsName)")
  }

  /// Makes a state the newest: those that would follow it are removed, and so are the damaged.
  func adopt(_ state: RunState) throws {
    try recoverInterruptedWrites(in: path)
    kept = []
    var older: [(name: String, checkpoints: [String])] = []
    for candidate in try candidates() {
      let name = candidate.split(separator: "/").last.map(String.init) ?? candidate
      guard name != state.name else { continue }
      if isOlder(name, than: state), let read = try? verified(candidate) {
        older.append((name, read.checkpoints))
      } else {
        try removeTree(candidate)
      }
    }
    kept = older.reversed() + [(state.name, state.checkpoints)]
    try replaceSymbolicLink("\(path)/last", target: state.name)
  }

  private func isOlder(_ name: String, than state: RunState) -> Bool {
    guard let position = RunState.position(ofName: name) else { return false }
    return position < (state.stageIndex + 1, state.progress.step)
  }

  /// Of a run that has ended: no state is needed any more but the one at its end, for a run that is to go on, and no
  /// checkpoint but those its summary names. Does nothing where that is done.
  func close() throws {
    try run.recoverInterruptedWrites()
    kept = []
    let checkpoints = try run.finishedCheckpoints()
    try prune(keeping: checkpoints)
    guard access(path, F_OK) == 0 else { return }
    // One that could not be saved at the end leaves an older one, whose checkpoints are gone.
    guard keepsFinal, let newest = try candidates().first, let state = try? read(newest),
      Set(state.checkpoints).isSubset(of: checkpoints)
    else { return try removeTree(path) }
    for name in try entries(of: path) where name != state.name && name != "last" { try removeTree("\(path)/\(name)") }
  }
}
