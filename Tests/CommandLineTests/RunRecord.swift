import Checkpoints
import JSON
import Testing

/// What a run left behind, read back as any other program would.
struct RunRecord: CustomTestStringConvertible {
  let directory: String
  /// Kept, as its end removes the run.
  private let workspace: TinyWorkspace
  /// The lines of `metrics.jsonl`.
  let events: [JSON]
  let summary: JSON

  /// - Parameter name: the run's directory in the workspace.
  init(_ name: String, in workspace: TinyWorkspace) throws {
    directory = "\(workspace.path)/\(name)"
    self.workspace = workspace
    events = try Self.events(in: directory)
    summary = try JSON(contentsOf: "\(directory)/summary.json")
  }

  /// The lines of a run's `metrics.jsonl`, each of which must be an object.
  static func events(in directory: String) throws -> [JSON] {
    let log = bytes(of: "\(directory)/metrics.jsonl") ?? []
    guard log.last == UInt8(ascii: "\n") else {
      throw ProgramFailure(description: "\(directory)/metrics.jsonl: expected a line feed at its end")
    }
    return try log.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
      try JSON.parse(Array($0))
    }
  }

  var testDescription: String { directory }

  func events(_ kind: String, stage: String? = nil) -> [JSON] {
    events.filter { $0["event"]?.string == kind && (stage == nil || $0["stage"]?.string == stage) }
  }

  /// The loss of every step, of all stages in order.
  var losses: [Double] { events("step").compactMap { $0["loss"]?.double } }

  /// Steps and validations without what differs from run to run: times, and the names of directories.
  var comparableEvents: [JSON] {
    (events("step") + events("validation") + events("gradient_shares")).map { event in
      var members = event.object ?? JSONObject()
      for key in ["time", "seconds", "exposed_communication"] { members[key] = nil }
      return .object(members)
    }
  }

  // MARK: Files

  func checkpoints(stage: String) throws -> [String] {
    let listing = try ProgramRun.of("/bin/ls", ["-A", "\(directory)/stages/\(stage)/checkpoints"], in: workspace.path)
    return listing.output.split(separator: "\n").map(String.init)
  }

  /// The name of the checkpoint that a link of a stage points to.
  func checkpoint(_ link: String, stage: String) -> String? { parts(ofLink: "stages/\(stage)/\(link)")?.last }

  /// The parts of a link's target.
  func parts(ofLink link: String) -> [String]? {
    target(ofLink: "\(directory)/\(link)")?.split(separator: "/").map(String.init)
  }

  /// The bytes of a model's weights; `model` is relative to the run, as `best`.
  func weightBytes(_ model: String = "best") -> [UInt8]? { bytes(of: "\(directory)/\(model)/model.safetensors") }

  func weights(_ model: String = "best") throws -> [String: [Float]] { try readWeights("\(directory)/\(model)") }
}

/// The tensors of a model directory.
func readWeights(_ model: String) throws -> [String: [Float]] {
  let file = try SafetensorsFile("\(model)/model.safetensors")
  return Dictionary(uniqueKeysWithValues: try file.tensors.map { ($0.name, try file.floats($0)) })
}

/// The value after `-name=` in a checkpoint's name.
func value(named name: String, in checkpoint: String) -> Double? {
  checkpoint.ranges(of: "-\(name)=").last.flatMap { Double(checkpoint[$0.upperBound...]) }
}
