import Checkpoints
import JSON
import Training

/// A run as its directory tells it, ended or not.
package struct RecordedRun: Sendable {
  package let directory: String
  package let configuration: RunConfiguration
  /// What the run said of itself when it started; `nil` before it did.
  let overview: Overview?
  let stages: [RecordedStage]
  /// Of the best model on data that nothing was chosen by, by names such as `test_accuracy`; `nil` without.
  let test: (rows: Int, metrics: [(name: String, value: Double)])?
  /// From start to end, in all processes that worked on it; of a run that has not ended, as far as its log tells.
  let seconds: Double
  let isFinished: Bool

  struct Overview: Sendable {
    let ranks: Int
    let threads: Int
    let simd: String
    let blas: String
    let teacherParameters: Int?
    let studentParameters: Int?
    let trainRows: Int
    let validationRows: Int?
    /// Of logs that tell.
    let host: String?
    let version: String?
    /// In seconds since 1970.
    let start: Double?

    /// - Parameter event: `run_started`.
    fileprivate init(_ event: JSON) {
      ranks = event["ranks"]?.int ?? 1
      threads = event["threads"]?.int ?? 1
      simd = event["simd"]?.string ?? ""
      blas = event["blas"]?.string ?? ""
      teacherParameters = event["teacher_parameters"]?.int
      studentParameters = event["student_parameters"]?.int
      trainRows = event["train_rows"]?.int ?? 0
      validationRows = event["validation_rows"]?.int
      host = event["host"]?.string
      version = event["version"]?.string
      start = event["time"]?.double
    }
  }

  /// - Throws: where the directory holds no run, or its configuration or log cannot be read.
  package init(_ directory: String) throws {
    let directory = directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory
    guard let names = Self.names(in: directory) else {
      throw ModelError(
        "\(directory.escapedForDisplay): expected a run's directory, with config.yaml and metrics.jsonl, found none; "
          + "give what run.directory named; of a sweep, the directories in it")
    }
    self.directory = directory
    configuration = try RunConfiguration(path: "\(directory)/config.yaml")
    isFinished = names.contains("summary.json")
    var overview: Overview?
    var stages: [RecordedStage] = []
    var seconds: Double?
    var test: (rows: Int, metrics: [(name: String, value: Double)])?
    try MetricsLines("\(directory)/metrics.jsonl").read { event in
      switch event["event"]?.string {
      case "run_started": overview = Overview(event)
      case "stage_started": stages.append(RecordedStage(event))
      case "test":
        let members = event.object ?? JSONObject()
        let metrics = members.compactMap { key, value in
          key.hasPrefix("test_") ? value.double.map { (name: key, value: $0) } : nil
        }
        test = (event["rows"]?.int ?? 0, metrics)
      case "run_finished": seconds = event["seconds"]?.double
      default:
        guard let name = event["stage"]?.string, let index = stages.lastIndex(where: { $0.name == name }) else {
          return
        }
        stages[index].add(event)
      }
    }
    self.overview = overview
    self.stages = stages
    self.test = test
    self.seconds =
      seconds ?? stages.reduce(0) { $0 + $1.steppingSeconds + $1.validations.reduce(0) { $0 + $1.seconds } }
  }

  /// Whether there is a run in a directory, sound or not.
  package static func exists(in directory: String) -> Bool { names(in: directory) != nil }

  /// What is in a run's directory; `nil` where it is none.
  private static func names(in directory: String) -> [String]? {
    guard let names = try? entries(of: directory), names.contains("config.yaml"), names.contains("metrics.jsonl") else {
      return nil
    }
    return names
  }

  /// Of the student as the run leaves it: what its last stage with a validation picked.
  var best: RecordedStage.Validation? { stages.last { !$0.validations.isEmpty }?.best }

  /// Of the best checkpoint: what it was chosen by, and what came of the test data.
  var metrics: [(name: String, value: Double)] { (best?.metrics ?? []) + (test?.metrics ?? []) }

  /// Trained, over all stages; `nil` before the first step.
  var sentencesPerSecond: Double? {
    let seconds = stages.reduce(0) { $0 + $1.steppingSeconds }
    return seconds > 0 ? Double(stages.reduce(0) { $0 + $1.sentences }) / seconds : nil
  }

  /// `finished`, or how far it is.
  package var status: String {
    if isFinished { return "finished" }
    guard let stage = stages.last else { return "unfinished: no step yet" }
    let done = stage.steps.count + stage.skippedSteps
    return "unfinished: \(stage.name), step \(grouped(done)) of \(grouped(stage.plannedSteps))"
  }
}
