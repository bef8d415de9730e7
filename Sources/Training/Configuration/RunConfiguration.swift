import Distillation
import Text

/// Everything one run is told: what to learn from what, in which stages, and where to write it.
///
/// Paths are relative to the working directory. `docs/configuration.md` is the users' reference of these keys.
package struct RunConfiguration: Sendable, Equatable {
  package var run: RunSettings
  package var task = TaskSettings()
  package var data: DataSettings
  /// The frozen model that adaptors learn from; needed by stages with adaptors and by `student.fromTeacher`.
  package var teacher: TeacherSettings?
  package var student: StudentSettings
  /// What every stage inherits. Stages hold the resolved values, so a loop reads `stages[i].training` only.
  package var training = TrainingSettings()
  /// In order, at least one, each with a name of its own.
  package var stages: [StageSettings]

  package init(run: RunSettings, data: DataSettings, student: StudentSettings, stages: [StageSettings]) {
    self.run = run
    self.data = data
    self.student = student
    self.stages = stages
  }
}

/// Where a run lives and how it behaves on this machine.
package struct RunSettings: Sendable, Equatable {
  /// The directory that receives the configuration, metrics, checkpoints and summary.
  package var directory: String
  /// Keys every random choice: order of rows, dropout, new parameters.
  package var seed: UInt64 = 2022
  /// Whether a directory that already holds a run may be replaced.
  package var overwrite = false
  /// Worker threads of each rank; `nil` takes the cores this rank may use.
  package var threads: Int?
  /// Seconds between progress lines where the console is not a terminal.
  package var logEverySeconds: Double = 5

  package init(directory: String) { self.directory = directory }
}

/// What is predicted.
package struct TaskSettings: Sendable, Equatable {
  package enum Kind: String, Sendable, CaseIterable {
    /// One class a row, cross-entropy.
    case classification
  }

  package var kind = Kind.classification
  /// The classes in order of their id; `nil` takes those of the student's model.
  package var labels: [String]?

  package init() {}
}

/// The labelled sentences.
package struct DataSettings: Sendable, Equatable {
  /// May lack labels only where every stage has `labelWeight` 0.
  package var train: DatasetSource
  /// `nil` trains without validation: no metric is monitored and the last checkpoint counts as the best.
  package var validation: DatasetSource?
  /// The longest sequence in tokens, special tokens included; longer ones are truncated.
  package var maxLength = 128

  package init(train: DatasetSource) { self.train = train }
}

/// The model learned from, never updated.
package struct TeacherSettings: Sendable, Equatable {
  /// A Hugging Face model directory.
  package var model: String
  /// Where its features are kept; `nil` computes them in every epoch.
  package var cache: TeacherCacheSettings?

  package init(model: String) { self.model = model }
}
