import JSON

/// What happens in a run, as rank 0 tells it: to the console, and as a line of `metrics.jsonl` each.
package enum TrainingEvent: Sendable {
  case notice(String)
  case runStarted(RunOverview)
  case stageStarted(StageOverview)
  case step(StepReport)
  case stepSkipped(SkippedStep)
  /// At the end of each epoch, and for display only every few seconds.
  case ranks(RanksReport)
  case validationStarted(stage: String, rows: Int)
  case validated(ValidationReport)
  /// At a stage's start, and after each validation.
  case gradientShares(GradientShares)
  case attention(AttentionReport)
  case teacherCache(TeacherCacheUse)
  case checkpointSaved(stage: String, path: String, isBest: Bool)
  case stageFinished(StageReport)
  /// At the run's end, where it has test data.
  case tested(TestReport)
  case runFinished(RunReport)
}

/// What a run is about to do, and on what.
package struct RunOverview: Sendable {
  package let directory: String
  package let ranks: Int
  package let threads: Int
  package let simd: String
  /// Of rank 0.
  package let host: String
  package let blas: String
  package let teacher: String?
  /// What its products round their factors to, and by which instructions.
  package let teacherPrecision: String?
  package let teacherParameters: Int?
  package let studentParameters: Int
  package let trainRows: Int
  /// Of texts without labels, besides.
  package let unlabelledRows: Int
  package let trainMeanLength: Double
  package let truncatedRows: Int
  package let validationRows: Int?
  /// What each stage computes from its beginning to its end, in floating-point operations.
  package let stageOperations: [Double]
}

package struct StageOverview: Sendable {
  package let name: String
  /// From 1, of `count`.
  package let index: Int
  package let count: Int
  package let steps: Int
  package let epochs: Int
  package let trainedParameters: Int
  /// Each adaptor with its weight, its pairs of layers, and what it compares where it has none.
  package let adaptors: [(name: String, weight: Double, pairs: [(student: Int, teacher: Int)], compared: String)]
  package let labelWeight: Double
  package let monitor: String?
}

/// One optimizer step.
package struct StepReport: Sendable {
  package let stage: String
  /// From 1.
  package let step: Int
  package let steps: Int
  /// From 1.
  package let epoch: Int
  package let epochs: Int
  /// This step's place in its epoch, from 1.
  package let stepInEpoch: Int
  package let stepsInEpoch: Int
  package let loss: Double
  /// The hard loss and each adaptor's, by name, before their weights.
  package let terms: [(name: String, value: Double)]
  package let learningRate: Double
  /// Over all updated parameters, before clipping.
  package let gradientNorm: Double
  package let sentences: Int
  package let tokens: Int
  package let seconds: Double
  /// How long rank 0's workers waited for the sum over ranks, in seconds.
  package let exposedCommunication: Double
}

/// A step whose loss or gradient was not finite, and which changed nothing.
package struct SkippedStep: Sendable {
  package let stage: String
  /// From 1.
  package let step: Int
  /// Of the stage, this one included.
  package let skipped: Int
  /// What was not finite.
  package let what: String
  /// Where it was so first, where that can be told.
  package let origin: String?
  /// The rows of the training data behind it, from 1.
  package let rows: [Int]
}

package struct ValidationReport: Sendable {
  package let stage: String
  package let step: Int
  package let epoch: Int
  /// By the names a checkpoint can monitor.
  package let metrics: [(name: String, value: Double)]
  package let isBest: Bool
  package let seconds: Double

  package init(
    stage: String, step: Int, epoch: Int, metrics: [(name: String, value: Double)], isBest: Bool, seconds: Double
  ) {
    self.stage = stage
    self.step = step
    self.epoch = epoch
    self.metrics = metrics
    self.isBest = isBest
    self.seconds = seconds
  }

  package func value(_ name: String) -> Double? { metrics.first { $0.name == name }?.value }
}

package struct StageReport: Sendable {
  package let stage: String
  package let steps: Int
  package let seconds: Double
  package let sentencesPerSecond: Double
  /// The checkpoint the stage picked, and its metrics; `nil` without validation.
  package let best: ValidationReport?
  package let bestCheckpoint: String?
}

/// How good the model that a run leaves is on data that nothing was chosen by.
package struct TestReport: Sendable {
  package let stage: String
  /// Relative to where the program was run.
  package let checkpoint: String
  /// Behind which it was saved.
  package let step: Int
  package let rows: Int
  /// By names such as `test_accuracy`.
  package let metrics: [(name: String, value: Double)]
  package let seconds: Double
}

package struct RunReport: Sendable {
  package let directory: String
  package let stages: [StageReport]
  package let test: TestReport?
  package let seconds: Double
  package let studentParameters: Int
  /// The model to use: the last stage's best.
  package let model: String
  /// All that the stages keep, relative to the run's directory.
  package let checkpoints: [String]
}

extension TrainingEvent {
  /// The event as a line of `metrics.jsonl`.
  package var json: JSON {
    switch self {
    case .notice(let text): ["event": "notice", "text": .string(text)]
    case .runStarted(let run):
      [
        "event": "run_started", "ranks": .integer(run.ranks), "threads": .integer(run.threads),
        "simd": .string(run.simd), "blas": .string(run.blas), "teacher": run.teacher.map(JSON.string) ?? .null,
        "teacher_precision": run.teacherPrecision.map(JSON.string) ?? .null,
        "teacher_parameters": run.teacherParameters.map(JSON.integer) ?? .null,
        "student_parameters": .integer(run.studentParameters), "train_rows": .integer(run.trainRows),
        "unlabelled_rows": .integer(run.unlabelledRows),
        "validation_rows": run.validationRows.map(JSON.integer) ?? .null, "host": .string(run.host),
        "version": .string(programVersion),
      ]
    case .stageStarted(let stage):
      [
        "event": "stage_started", "stage": .string(stage.name), "steps": .integer(stage.steps),
        "epochs": .integer(stage.epochs), "trained_parameters": .integer(stage.trainedParameters),
        "label_weight": .number(stage.labelWeight), "monitor": stage.monitor.map(JSON.string) ?? .null,
        "adaptors": .array(
          stage.adaptors.map { adaptor in
            [
              "name": .string(adaptor.name), "weight": .number(adaptor.weight),
              "layers": .array(adaptor.pairs.map { [.integer($0.student), .integer($0.teacher)] }),
            ]
          }),
      ]
    case .step(let step):
      .members(
        [
          ("event", "step"), ("stage", .string(step.stage)), ("step", .integer(step.step)),
          ("epoch", .integer(step.epoch)), ("loss", .number(step.loss)),
        ] + step.terms.map { ($0.name, .number($0.value)) } + [
          ("learning_rate", .number(step.learningRate)), ("gradient_norm", .number(step.gradientNorm)),
          ("sentences", .integer(step.sentences)), ("tokens", .integer(step.tokens)),
          ("exposed_communication", .number(step.exposedCommunication)),
          ("seconds", .number(step.seconds)),
        ])
    case .stepSkipped(let step):
      [
        "event": "step_skipped", "stage": .string(step.stage), "step": .integer(step.step),
        "skipped_steps": .integer(step.skipped), "not_finite": .string(step.what),
        "origin": step.origin.map(JSON.string) ?? .null, "rows": .array(step.rows.map(JSON.integer)),
      ]
    case .ranks(let report): .members([("event", "ranks")] + report.members)
    case .validationStarted(let stage, let rows):
      ["event": "validation_started", "stage": .string(stage), "rows": .integer(rows)]
    case .validated(let report): .members([("event", "validation")] + report.members)
    case .gradientShares(let shares): .members([("event", "gradient_shares")] + shares.members)
    case .attention(let report): .members([("event", "attention")] + report.members)
    case .teacherCache(let use): .members([("event", "teacher_cache")] + use.members)
    case .checkpointSaved(let stage, let path, let isBest):
      ["event": "checkpoint", "stage": .string(stage), "path": .string(path), "best": .bool(isBest)]
    case .stageFinished(let stage): .members([("event", "stage_finished")] + stage.members)
    case .tested(let report): .members([("event", "test")] + report.members)
    case .runFinished(let run): .members([("event", "run_finished")] + run.members)
    }
  }
}

extension ValidationReport {
  fileprivate var members: [(String, JSON)] {
    [("stage", .string(stage)), ("step", .integer(step)), ("epoch", .integer(epoch))]
      + metrics.map { ($0.name, .number($0.value)) } + [("best", .bool(isBest)), ("seconds", .number(seconds))]
  }
}

extension TestReport {
  fileprivate var members: [(String, JSON)] {
    [
      ("stage", .string(stage)), ("step", .integer(step)), ("checkpoint", .string(checkpoint)),
      ("rows", .integer(rows)),
    ]
      + metrics.map { ($0.name, .number($0.value)) } + [("seconds", .number(seconds))]
  }
}

extension GradientShares {
  fileprivate var members: [(String, JSON)] {
    [("stage", .string(stage)), ("step", .integer(step))]
      + terms.map { ("gradient_share/\($0.name)", .number($0.parameters)) }
      + terms.map { ("gradient_share_last_hidden/\($0.name)", .number($0.lastHidden)) }
  }
}

extension StageReport {
  fileprivate var members: [(String, JSON)] {
    [
      ("stage", .string(stage)), ("steps", .integer(steps)), ("seconds", .number(seconds)),
      ("sentences_per_second", .number(sentencesPerSecond)),
      ("best_checkpoint", bestCheckpoint.map(JSON.string) ?? .null),
      ("best", best.map { .members($0.members) } ?? .null),
    ]
  }
}

extension RunReport {
  fileprivate var members: [(String, JSON)] {
    [
      ("model", .string(model)), ("student_parameters", .integer(studentParameters)), ("seconds", .number(seconds)),
      ("stages", .array(stages.map { .members($0.members) })),
      ("test", test.map { .members($0.members) } ?? .null), ("checkpoints", .array(checkpoints.map(JSON.string))),
    ]
  }

  /// The contents of `summary.json`.
  package var json: JSON { .members(members) }
}

extension JSON {
  /// An object of these members, in this order.
  static func members(_ members: [(String, JSON)]) -> JSON {
    var object = JSONObject()
    for (key, value) in members { object[key] = value }
    return .object(object)
  }
}
