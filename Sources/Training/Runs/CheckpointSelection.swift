import Checkpoints
import Glibc
import JSON
import Kernels

/// The checkpoints of a stage: the best by the monitored metric, and the last.
package struct CheckpointSelection {
  /// What a selection knows: all of it that a resumed run needs.
  package struct Record: Sendable {
    /// Saved for their value, best first.
    var kept: [(name: String, value: Double)] = []
    package internal(set) var best: String?
    var last: String?
    /// Whether the last is kept for being the last.
    let linksLast: Bool

    /// The checkpoints that are kept.
    package var names: Set<String> {
      Set(kept.map(\.name) + [best, linksLast ? last : nil].compactMap { $0 })
    }
  }

  private let settings: CheckpointSettings
  private let directory: StageDirectory
  package private(set) var record: Record

  package init(_ settings: CheckpointSettings, directory: StageDirectory) {
    self.settings = settings
    self.directory = directory
    record = Record(linksLast: settings.saveLast)
  }

  /// The best checkpoint so far, by name.
  package var best: String? { record.best }

  /// Goes on from what an earlier process knew.
  mutating func restore(_ earlier: Record) {
    record.kept = earlier.kept
    record.best = earlier.best
    record.last = earlier.last
  }

  /// Whether a report would be the new best. A NaN never is.
  package func isBest(_ report: ValidationReport) -> Bool {
    guard let value = monitored(report) else { return false }
    guard let first = record.kept.first else { return true }
    return isBetter(value, than: first.value)
  }

  private func monitored(_ report: ValidationReport) -> Double? {
    settings.monitor.flatMap(report.value).flatMap { $0.isNaN ? nil : $0 }
  }

  private func isBetter(_ a: Double, than b: Double) -> Bool { settings.mode == .min ? a < b : a > b }

  /// Saves the model if the report earns it a place or as the last, and moves the links. What is not kept any more stays
  /// until it is pruned.
  ///
  /// - Parameter save: writes a model directory at the path it is given.
  /// - Returns: the name of the checkpoint, if one was written.
  package mutating func add(
    _ report: ValidationReport?, step: Int, epoch: Int, save: (String) throws -> Void
  ) throws -> String? {
    let value = report.flatMap(monitored)
    let earnsPlace =
      value.map { value in
        record.kept.count < settings.saveTopK || isBetter(value, than: record.kept[record.kept.count - 1].value)
      } ?? (settings.monitor == nil)
    guard earnsPlace || settings.saveLast else { return nil }

    let name = Self.name(step: step, epoch: epoch, monitor: settings.monitor, value: value)
    try save("\(directory.path)/checkpoints/\(name)")
    if let value, earnsPlace {
      let position = record.kept.firstIndex { isBetter(value, than: $0.value) } ?? record.kept.count
      record.kept.insert((name, value), at: position)
      record.kept = Array(record.kept.prefix(settings.saveTopK))
      record.best = record.kept[0].name
    } else if settings.monitor == nil {
      record.best = name
    }
    record.last = name
    try directory.link(record)
    return name
  }

  /// `step=000375-epoch=1-val_loss=0.6510`
  private static func name(step: Int, epoch: Int, monitor: String?, value: Double?) -> String {
    let digits = String(step)
    let padded = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    let base = "step=\(padded)-epoch=\(epoch)"
    guard let monitor, let value else { return base }
    return "\(base)-\(monitor)=\(fixed(value, 4))"
  }
}

// MARK: JSON

extension CheckpointSelection.Record {
  var json: JSON {
    [
      "kept": .array(kept.map { [.string($0.name), .number($0.value)] }), "best": best.map(JSON.string) ?? .null,
      "last": last.map(JSON.string) ?? .null, "links_last": .bool(linksLast),
    ]
  }

  init(json: JSON) throws {
    let fields = StateFields(json)
    kept = try fields.list("kept").map { pair in
      guard let pair = pair.array, pair.count == 2, let value = pair[1].double else {
        throw ModelError("kept: expected pairs of a name and a number, found \(pair.summary)")
      }
      return (try Self.checkpoint(pair[0]), value)
    }
    best = try fields.unlessNull("best", Self.checkpoint)
    last = try fields.unlessNull("last", Self.checkpoint)
    linksLast = try fields.flag("links_last")
  }

  /// The name of a checkpoint, which cannot lead elsewhere.
  private static func checkpoint(_ value: JSON) throws -> String {
    guard let name = value.string, name.hasPrefix("step="), !name.utf8.contains(where: { $0 == 47 || $0 == 0 }) else {
      throw ModelError("expected a checkpoint's name, found \(value.summary)")
    }
    return name
  }
}
