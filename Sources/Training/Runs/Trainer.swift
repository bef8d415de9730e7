import Collectives
import Distillation
import Encoders
import Kernels
import Text

/// Runs a configuration: loads what it names, then its stages one after the other.
package struct Trainer {
  private let configuration: RunConfiguration
  private let places: Places
  private let observe: (TrainingEvent) -> Void

  /// - Parameters:
  ///   - observe: told of every event, on rank 0 only.
  package init(
    _ configuration: RunConfiguration, places: Places, observe: @escaping (TrainingEvent) -> Void
  ) {
    self.configuration = configuration
    self.places = places
    self.observe = observe
  }

  /// Trains to the end. Every rank calls it; the report is rank 0's.
  ///
  /// - Throws: what configuration, model, data or collectives find wrong; the caller ends the job.
  package func run() throws -> RunReport? {
    let clock = ContinuousClock()
    let start = clock.now
    let isRoot = places.ranks.rank == 0
    let directory = RunDirectory(path: configuration.run.directory)
    if isRoot { try directory.check(configuration) }
    let inputs = try RunInputs(configuration, threads: places.pool.workers)
    for stage in configuration.stages { try StageRun.check(stage, inputs: inputs) }
    // Nobody writes before everybody has loaded.
    try places.ranks.barrier()
    var log: MetricsLog?
    if isRoot {
      try directory.begin(configuration: configuration)
      log = try MetricsLog(path: "\(directory.path)/metrics.jsonl")
    }
    let report: (TrainingEvent) throws -> Void = { event in
      try log?.append(event)
      if isRoot { observe(event) }
    }
    for notice in inputs.notices { try report(.notice(notice)) }
    try report(.runStarted(overview(inputs)))

    var student = inputs.student
    var stages: [StageReport] = []
    for (index, stage) in configuration.stages.enumerated() {
      let next = index + 1 < configuration.stages.count ? configuration.stages[index + 1] : nil
      let run = try StageRun(
        stage, index: index, configuration: configuration, inputs: inputs, student: student, places: places,
        directory: isRoot ? try directory.stage(stage.name) : nil, report: report)
      if let finished = try run.train() { stages.append(finished) }
      if isRoot, let stageDirectory = run.directory { try directory.link(stage: stageDirectory) }
      if let next { student = try run.student(from: next.initialize) }
    }
    guard isRoot else { return nil }
    let summary = RunReport(
      directory: directory.path, stages: stages, seconds: (clock.now - start).seconds,
      studentParameters: student.parameterCount, model: "\(directory.path)/best")
    try directory.finish(summary)
    try report(.runFinished(summary))
    return summary
  }

  private func overview(_ inputs: RunInputs) -> RunOverview {
    let blas = openBLASDescription()
    return RunOverview(
      directory: configuration.run.directory, ranks: places.ranks.size, threads: places.pool.workers,
      simd: simdLevel, blas: "OpenBLAS \(blas.core)", teacher: configuration.teacher?.model,
      teacherParameters: inputs.teacher?.parameterCount, studentParameters: inputs.student.parameterCount,
      trainRows: inputs.train.count, trainMeanLength: inputs.train.meanLength,
      truncatedRows: inputs.train.truncatedRows, validationRows: inputs.validation?.count)
  }
}

extension Duration {
  package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
