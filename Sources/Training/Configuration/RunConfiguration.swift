import Collectives
import Distillation
import Encoders
import Text

/// Everything one run is told: what to learn from what, in which stages, and where to write it.
///
/// Paths are relative to the working directory. `docs/configuration.md` is the users' reference of these keys.
package struct RunConfiguration: Sendable, Equatable {
  package var run: RunSettings
  package var task = TaskSettings()
  package var data: DataSettings
  /// What adaptors learn from; needed by stages with adaptors and by `student.fromTeacher`. Several answer as one.
  package var teachers: [TeacherSettings] = []
  /// Of what several teachers say, what is averaged.
  package var average = EnsembleTeacher.Average.logits
  package var student: StudentSettings
  /// What every stage inherits. Stages hold the resolved values, so a loop reads `stages[i].training` only.
  package var training = TrainingSettings()
  /// In order, at least one, each with a name of its own.
  package var stages: [StageSettings]
  /// Those that changed nothing, in words.
  var overridesWithoutEffect: [String] = []

  /// The first, whose layers and tokenizer a student may take.
  package var teacher: TeacherSettings? {
    get { teachers.first }
    set { teachers = (newValue.map { [$0] } ?? []) + teachers.dropFirst() }
  }

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
  package var resume = Resume.none
  /// Steps between saves of the state; `nil` saves it with each validation.
  package var saveStateEverySteps: Int?
  /// Saves the state this often besides; `nil` does not.
  package var saveStateEveryMinutes: Double?
  /// The newest states kept, at least 1.
  package var keepStates = 2
  /// Of a run that has ended, for one that is to go on.
  package var keepFinalState = true
  package var onFailedSave = FailedSave.continue
  /// Saves that may fail one after the other before a run stops after all.
  package var maxFailedSaves = 3
  package var stuckRank = StuckRankLimits()
  /// Whether TensorBoard's event files are written.
  package var tensorboard = true
  /// Whether `metrics.csv` is written at the end of each stage.
  package var csv = true

  package init(directory: String) { self.directory = directory }

  /// What a run does with the states that an earlier one left in its directory.
  package enum Resume: Sendable, Equatable {
    case none
    /// The newest that verifies, or else a new start.
    case auto
    /// This one, and no other.
    case path(String)
  }

  /// What a run does when a checkpoint or a state cannot be saved.
  package enum FailedSave: String, Sendable, CaseIterable {
    case stop
    case `continue`
  }
}

extension RunSettings.Resume {
  /// As it is written in a configuration and on the command line.
  package init(_ text: String) {
    switch text {
    case "none": self = .none
    case "auto": self = .auto
    default: self = .path(text)
    }
  }

  package var text: String {
    switch self {
    case .none: "none"
    case .auto: "auto"
    case .path(let path): path
    }
  }
}

/// What is predicted.
package struct TaskSettings: Sendable, Equatable {
  package var kind = TaskKind.classification
  /// What the head's outputs are called: the classes in order of their id; `nil` takes those of the student's model.
  package var labels: [String]?
  /// How much a row of each class counts; `nil` for 1.
  package var classWeights: ClassWeights?
  /// The share of a row's label that all classes get in equal parts.
  package var labelSmoothing = 0.0
  /// Of pairs.
  package var loss = PairLoss.bce
  /// How many rows of a group the metrics of ranking look at.
  package var cutoff = 10
  /// How much each class counts where a row has it; empty for 1.
  package var positiveWeights: [Double] = []
  /// The least probability of a class that is predicted.
  package var threshold = 0.5
  /// How a sentence vector is pooled, and whether it is normalised; `nil` is what the student's directory says.
  package var pooling: SentenceVectorShape.Pooling?
  package var normalize: Bool?
  /// The map that a student of sentence vectors has in any case; `nil` is what its directory says.
  package var projection: Projection?
  /// The score of a pair of texts that means the same, which a cosine of 1 stands for.
  package var largestScore = 1.0

  package init() {}

  package init(_ kind: TaskKind, labels: [String]? = nil) {
    self.kind = kind
    self.labels = labels
  }
}

extension TaskSettings {
  /// A map of what is pooled, which is part of the student.
  package struct Projection: Sendable, Equatable {
    /// How many numbers it gives.
    package var width: Int
    /// `nil` is what the student's directory says, else none.
    package var activation: SentenceVectorShape.Dense.Activation?

    package init(width: Int, activation: SentenceVectorShape.Dense.Activation? = nil) {
      (self.width, self.activation) = (width, activation)
    }
  }
}

/// The texts that are learned from.
package struct DataSettings: Sendable, Equatable {
  /// May lack labels only where every stage has `labelWeight` 0.
  package var train: DatasetSource
  /// What every stage inherits.
  package var unlabelled = UnlabelledSettings()
  /// `nil` trains without validation: no metric is monitored and the last checkpoint counts as the best.
  package var validation: DatasetSource?
  /// What the model that the run leaves is measured on at its end; nothing is chosen by it.
  package var test: DatasetSource?
  /// The longest sequence in tokens, special tokens included; longer ones are truncated.
  package var maxLength = 128
  /// Where sources are kept as tokens; `nil` keeps large ones beside the run's directory.
  package var cache: String?

  package init(train: DatasetSource) { self.train = train }
}

/// Texts without labels that a stage learns from besides the training data, through its adaptors alone.
package struct UnlabelledSettings: Sendable, Equatable {
  /// How rows with and without labels come together in an epoch.
  package enum Mix: Sendable, Equatable {
    /// Every row once.
    case concatenate
    /// This share of each batch has labels, in (0, 1).
    case labelled(share: Double)
  }

  package var sources: [DatasetSource] = []
  package var mix = Mix.concatenate

  package init() {}
}

/// The model learned from, never updated.
package struct TeacherSettings: Sendable, Equatable {
  /// A Hugging Face model directory; `nil` where there are only its predictions.
  package var model: String?
  /// Files with what it says of each row, in place of running it.
  package var predictions: [String] = []
  /// How much it counts among several.
  package var weight: Double = 1
  /// What its products round their factors to.
  package var precision = TeacherPrecision.float32
  /// Where its features are kept; `nil` computes them in every epoch.
  package var cache: TeacherCacheSettings?

  package init(model: String?) { self.model = model }
}
