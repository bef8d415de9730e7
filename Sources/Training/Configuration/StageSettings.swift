import Distillation

/// One stage of a run: what the student learns from, which parameters it updates, and which checkpoint is kept.
package struct StageSettings: Sendable, Equatable {
  /// Which parameters are updated.
  package enum Update: String, Sendable, CaseIterable {
    case all
    /// Embeddings and layers, and adaptors' projections.
    case encoder
    /// What follows the last layer: pooler and classifier.
    case head
  }

  /// Which checkpoint of the previous stage this one starts from.
  package enum Start: String, Sendable, CaseIterable {
    case best
    case last
  }

  /// Letters, digits, `_` and `-`, not digits alone; names the stage's directory.
  package var name: String
  package var adaptors: [AdaptorSettings] = []
  /// The weight of the hard-label loss.
  /// Where it has a schedule, the larger of its ends.
  package var labelWeight: Double = 1
  package var labelWeightSchedule: Scheduled?
  /// Texts without labels, the run's unless the stage has its own.
  package var unlabelled = UnlabelledSettings()
  package var update = Update.all
  /// With `all`: first the head alone is updated, and every so many steps a layer more from the top; `nil` updates all
  /// from the start.
  package var unfreezeEvery: Int?
  /// With `all`: the embeddings and this many layers from the first stay as they are.
  package var frozenLayers: Int?
  package var initialize = Start.best
  /// The configuration's `training` with what this stage overrides.
  package var training = TrainingSettings()
  package var checkpoint = CheckpointSettings()

  package init(name: String) { self.name = name }
}

/// Which checkpoints a stage keeps and how it picks its best.
package struct CheckpointSettings: Sendable, Equatable {
  package enum Mode: String, Sendable, CaseIterable {
    case min
    case max
  }

  /// A name from `StageSettings.monitors`; `nil` where the run has no validation data.
  package var monitor: String? = "val_loss"
  /// Whether a smaller or a larger value of `monitor` is better.
  package var mode = Mode.min
  /// Best checkpoints kept, at least 1.
  package var saveTopK = 1
  /// Whether the stage's last state is kept beside the best.
  package var saveLast = true

  package init() {}
}

extension AdaptorSettings {
  /// The metric key of each adaptor of a stage, in order: its name, with `_2`, `_3`… from its second appearance on.
  ///
  /// Validation metrics are these with `val_` in front: `val_AttnMiniLM`, `val_AttnMiniLM_2`.
  package static func metricKeys(of adaptors: [AdaptorSettings]) -> [String] {
    var seen: [AdaptorKind: Int] = [:]
    return adaptors.map { adaptor in
      seen[adaptor.kind, default: 0] += 1
      let count = seen[adaptor.kind, default: 1]
      return count == 1 ? adaptor.kind.name : "\(adaptor.kind.name)_\(count)"
    }
  }
}

extension StageSettings {
  /// Whether the rows of a group are in one batch.
  var keepsGroups: Bool { training.keepGroups ?? adaptors.contains(where: \.kind.comparesGroups) }

  /// The validation metrics of a stage, which its checkpoint may monitor.
  package func monitors(of task: TaskKind) -> [String] {
    let learnsFromScores = task.scoresPairsOfRows && labelWeight > 0
    let labels = (learnsFromScores ? [TaskMetric.loss.key] : []) + task.metricKeys
    guard !adaptors.isEmpty else { return labels }
    return labels + ["val_distillation"] + AdaptorSettings.metricKeys(of: adaptors).map { "val_\($0)" }
  }
}

extension CheckpointSettings.Mode {
  /// As the task says of its metrics; losses are better small.
  package static func usual(for monitor: String) -> Self { TaskKind.metric(monitor)?.mode ?? .min }
}
