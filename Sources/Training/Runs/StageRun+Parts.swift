import Distillation
import Encoders
import Kernels

/// What a stage is made of, which a preview of the run wants to know too.
extension StageRun {
  /// Which parameters a stage trains.
  static func updatedParameters(_ update: StageSettings.Update, of layout: ParameterLayout) -> UpdatedParameters {
    UpdatedParameters(layout) { entry in
      switch update {
      case .all: true
      case .encoder: !entry.role.isOfHead
      case .head: entry.role.isOfHead
      }
    }
  }

  /// Finds what would stop a stage, before the stages ahead of it have run for hours.
  static func check(_ settings: StageSettings, index: Int, inputs: RunInputs) throws {
    var layout = ParameterLayout()
    _ = Encoder(inputs.student.configuration, layout: &layout)
    _ = try makeAdaptors(settings, inputs: inputs, layout: &layout)
    _ = try epochBatches(settings.training, rows: inputs.training[index].count)
  }

  /// The stage's adaptors, their projections added to the layout. Every stage's student has the shape of the first.
  static func makeAdaptors(
    _ settings: StageSettings, inputs: RunInputs, layout: inout ParameterLayout
  ) throws -> [WeightedAdaptor] {
    guard let teacher = inputs.teacherConfiguration else { return [] }
    return try zip(AdaptorSettings.metricKeys(of: settings.adaptors), settings.adaptors).map { name, adaptor in
      try adaptor.makeAdaptor(
        name: name, student: inputs.student.configuration, teacher: teacher, layout: &layout)
    }
  }

  /// The number of batches of each epoch.
  static func epochBatches(_ training: TrainingSettings, rows: Int) throws -> [Int] {
    let whole = training.dropLast ? rows / training.batchSize : (rows + training.batchSize - 1) / training.batchSize
    guard whole > 0 else {
      throw ModelError(
        "training.dropLast: expected at least one whole batch of \(training.batchSize), found \(rows) rows; "
          + "lower training.batchSize or set dropLast: false")
    }
    switch training.duration {
    case .epochs(let epochs): return [Int](repeating: whole, count: epochs)
    case .steps(let steps):
      return stride(from: 0, to: steps, by: whole).map { min(whole, steps - $0) }
    }
  }
}
