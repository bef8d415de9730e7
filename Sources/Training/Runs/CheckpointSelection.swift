import Checkpoints
import Glibc
import JSON
import Kernels

/// The checkpoints of a stage: the best by the monitored metric, and the last.
package struct CheckpointSelection {
  private let settings: CheckpointSettings
  private let directory: StageDirectory
  /// Saved for their value, best first.
  private var kept: [(name: String, value: Double)] = []
  private var last: String?

  package init(_ settings: CheckpointSettings, directory: StageDirectory) {
    self.settings = settings
    self.directory = directory
  }

  /// The best checkpoint so far, by name.
  package private(set) var best: String?

  /// Whether a report would be the new best. A NaN never is.
  package func isBest(_ report: ValidationReport) -> Bool {
    guard let value = monitored(report) else { return false }
    guard let first = kept.first else { return true }
    return isBetter(value, than: first.value)
  }

  private func monitored(_ report: ValidationReport) -> Double? {
    settings.monitor.flatMap(report.value).flatMap { $0.isNaN ? nil : $0 }
  }

  private func isBetter(_ a: Double, than b: Double) -> Bool { settings.mode == .min ? a < b : a > b }

  /// Saves the model if the report earns it a place or as the last, moves the links, and removes what is not kept.
  ///
  /// - Parameter save: writes a model directory at the path it is given.
  /// - Returns: the name of the checkpoint, if one was written.
  package mutating func add(
    _ report: ValidationReport?, step: Int, epoch: Int, save: (String) throws -> Void
  ) throws -> String? {
    let value = report.flatMap(monitored)
    let earnsPlace =
      value.map { value in
        kept.count < settings.saveTopK || isBetter(value, than: kept[kept.count - 1].value)
      } ?? (settings.monitor == nil)
    guard earnsPlace || settings.saveLast else { return nil }

    let name = Self.name(step: step, epoch: epoch, monitor: settings.monitor, value: value)
    try save("\(directory.path)/checkpoints/\(name)")
    if let value, earnsPlace {
      let position = kept.firstIndex { isBetter(value, than: $0.value) } ?? kept.count
      kept.insert((name, value), at: position)
      best = kept[0].name
    } else if settings.monitor == nil {
      best = name
    }
    let stale = last
    last = name
    try link("last", to: name)
    if let best { try link("best", to: best) }
    // Only when the links point elsewhere.
    let dropped = kept.dropFirst(settings.saveTopK).map(\.name)
    kept = Array(kept.prefix(settings.saveTopK))
    for candidate in Set(dropped + [stale].compactMap { $0 }) where isUnused(candidate) {
      try removeTree("\(directory.path)/checkpoints/\(candidate)")
    }
    return name
  }

  private func isUnused(_ name: String) -> Bool {
    name != best && !kept.contains { $0.name == name } && !(settings.saveLast && name == last)
  }

  private func link(_ name: String, to checkpoint: String) throws {
    if name == "last" && !settings.saveLast { return }
    try replaceSymbolicLink("\(directory.path)/\(name)", target: "checkpoints/\(checkpoint)")
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
