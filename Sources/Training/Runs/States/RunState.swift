import JSON

/// How far a stage is, and what it has counted so far.
struct StageProgress: Sendable {
  /// Steps taken, of the stage.
  var step = 0
  /// Whether the step's validation and checkpoint are still to come: a signal does not wait for them.
  var validationPending = false
  var skippedSteps = 0
  var sentences = 0
  /// Spent in steps.
  var steppingSeconds = 0.0
  /// Since the stage began, over all processes that worked on it.
  var seconds = 0.0
  var bestReport: ValidationReport?
  var earlyStopping = EarlyStopping.Progress()
}

/// `state.json`: what a run knows besides tensors. Random numbers need no state: order and dropout follow from seed,
/// epoch and step.
struct RunState: Sendable {
  let stageIndex: Int
  let stage: String
  let progress: StageProgress
  let epoch: Int
  let optimizerSteps: Int
  let selection: CheckpointSelection.Record
  let finishedStages: [StageReport]
  /// The student checkpoints that the run still needs, relative to its directory.
  let checkpoints: [String]
  /// How long `metrics.jsonl` was: what lies behind was written again.
  let metricsBytes: Int
  /// Since the run began.
  let seconds: Double
  /// Worker threads of each rank.
  let threads: [Int]
  let identity: RunIdentity

  static let fileName = "state.json"
  private static let version = 1

  /// `stage=1-step=000375`, the stage counted from 1.
  var name: String { Self.name(stageIndex: stageIndex, step: progress.step) }

  static func name(stageIndex: Int, step: Int) -> String {
    let digits = String(step)
    return "stage=\(stageIndex + 1)-step=" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }

  /// Which of two states is the newer, by their names; `nil` for what is no state's name.
  static func position(ofName name: String) -> (stage: Int, step: Int)? {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].hasPrefix("stage="), parts[1].hasPrefix("step="),
      let stage = Int(parts[0].dropFirst(6)), let step = Int(parts[1].dropFirst(5)), stage > 0, step >= 0
    else { return nil }
    return (stage, step)
  }
}

// MARK: JSON

extension RunState {
  var json: JSON {
    [
      "version": .integer(Self.version), "stage_index": .integer(stageIndex), "stage": .string(stage),
      "progress": progress.json, "epoch": .integer(epoch), "optimizer_steps": .integer(optimizerSteps),
      "selection": selection.json, "finished_stages": .array(finishedStages.map(\.json)),
      "checkpoints": .array(checkpoints.map(JSON.string)), "metrics_bytes": .integer(metricsBytes),
      "seconds": .number(seconds), "threads": .array(threads.map(JSON.integer)), "identity": identity.json,
    ]
  }

  /// - Throws: where a member is missing or is not what was written.
  init(json: JSON) throws {
    let fields = StateFields(json)
    guard try fields.integer("version") == Self.version else {
      throw ModelError(
        "version: expected \(Self.version), found \(json["version"]?.summary ?? "none"); use the program that saved it")
    }
    stageIndex = try fields.integer("stage_index")
    stage = try fields.text("stage")
    progress = try StageProgress(json: fields.value("progress"))
    epoch = try fields.integer("epoch")
    optimizerSteps = try fields.integer("optimizer_steps")
    selection = try CheckpointSelection.Record(json: fields.value("selection"))
    finishedStages = try fields.list("finished_stages").map { try StageReport(json: $0) }
    checkpoints = try fields.list("checkpoints").map { value in
      guard let path = value.string, Self.staysInside(path) else {
        throw ModelError("checkpoints: expected paths below the run's directory, found \(value.summary)")
      }
      return path
    }
    metricsBytes = try fields.integer("metrics_bytes")
    seconds = try fields.number("seconds")
    threads = try fields.list("threads").map { $0.int ?? 0 }
    guard let identity = RunIdentity(json: try fields.value("identity")) else {
      throw ModelError("identity: expected an object of text")
    }
    self.identity = identity
  }

  private static func staysInside(_ path: String) -> Bool {
    !path.hasPrefix("/") && !path.utf8.contains(0) && !path.split(separator: "/").contains("..")
  }
}

/// The members of an object that was read back, each of which must be there.
struct StateFields {
  private let json: JSON

  init(_ json: JSON) { self.json = json }

  func value(_ key: String) throws -> JSON {
    guard let value = json[key] else { throw ModelError("\(key): missing") }
    return value
  }

  /// Not negative.
  func integer(_ key: String) throws -> Int {
    let value = try value(key)
    guard let integer = value.int, integer >= 0 else {
      throw ModelError("\(key): expected a non-negative integer, found \(value.summary)")
    }
    return integer
  }

  func number(_ key: String) throws -> Double {
    let value = try value(key)
    guard let number = value.double else { throw ModelError("\(key): expected a number, found \(value.summary)") }
    return number
  }

  func text(_ key: String) throws -> String {
    let value = try value(key)
    guard let text = value.string else { throw ModelError("\(key): expected text, found \(value.summary)") }
    return text
  }

  func flag(_ key: String) throws -> Bool {
    let value = try value(key)
    guard let flag = value.bool else { throw ModelError("\(key): expected true or false, found \(value.summary)") }
    return flag
  }

  func list(_ key: String) throws -> [JSON] {
    let value = try value(key)
    guard let list = value.array else { throw ModelError("\(key): expected a list, found \(value.summary)") }
    return list
  }

  /// `nil` where the member is null.
  func unlessNull<Value>(_ key: String, _ make: (JSON) throws -> Value) throws -> Value? {
    let value = try value(key)
    return value.isNull ? nil : try make(value)
  }
}

extension StageProgress {
  fileprivate var json: JSON {
    [
      "step": .integer(step), "validation_pending": .bool(validationPending), "skipped_steps": .integer(skippedSteps),
      "sentences": .integer(sentences), "stepping_seconds": .number(steppingSeconds), "seconds": .number(seconds),
      "best_report": bestReport?.stateJSON ?? .null, "early_stopping": earlyStopping.json,
    ]
  }

  fileprivate init(json: JSON) throws {
    let fields = StateFields(json)
    self.init(
      step: try fields.integer("step"), validationPending: try fields.flag("validation_pending"),
      skippedSteps: try fields.integer("skipped_steps"), sentences: try fields.integer("sentences"),
      steppingSeconds: try fields.number("stepping_seconds"), seconds: try fields.number("seconds"),
      bestReport: try fields.unlessNull("best_report") { try ValidationReport(stateJSON: $0) },
      earlyStopping: try EarlyStopping.Progress(json: fields.value("early_stopping")))
  }
}

extension ValidationReport {
  fileprivate var stateJSON: JSON {
    [
      "stage": .string(stage), "step": .integer(step), "epoch": .integer(epoch),
      "metrics": .array(metrics.map { [.string($0.name), .number($0.value)] }), "best": .bool(isBest),
      "seconds": .number(seconds),
    ]
  }

  fileprivate init(stateJSON json: JSON) throws {
    let fields = StateFields(json)
    self.init(
      stage: try fields.text("stage"), step: try fields.integer("step"), epoch: try fields.integer("epoch"),
      metrics: try fields.list("metrics").map { pair in
        guard let pair = pair.array, pair.count == 2, let name = pair[0].string, let value = pair[1].double else {
          throw ModelError("metrics: expected pairs of a name and a number, found \(pair.summary)")
        }
        return (name, value)
      }, isBest: try fields.flag("best"), seconds: try fields.number("seconds"))
  }
}

extension StageReport {
  fileprivate var json: JSON {
    [
      "stage": .string(stage), "steps": .integer(steps), "seconds": .number(seconds),
      "sentences_per_second": .number(sentencesPerSecond), "best": best?.stateJSON ?? .null,
      "best_checkpoint": bestCheckpoint.map(JSON.string) ?? .null,
    ]
  }

  fileprivate init(json: JSON) throws {
    let fields = StateFields(json)
    self.init(
      stage: try fields.text("stage"), steps: try fields.integer("steps"), seconds: try fields.number("seconds"),
      sentencesPerSecond: try fields.number("sentences_per_second"),
      best: try fields.unlessNull("best") { try ValidationReport(stateJSON: $0) },
      bestCheckpoint: try fields.unlessNull("best_checkpoint") { value in
        guard let path = value.string else { throw ModelError("best_checkpoint: expected text") }
        return path
      })
  }
}
