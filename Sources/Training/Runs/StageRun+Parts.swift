import Distillation
import Encoders
import Kernels

/// What a stage is made of, which a preview of the run wants to know too.
extension StageRun {
  /// Which parameters a stage trains.
  static func updatedParameters(
    _ settings: StageSettings, of layout: ParameterLayout, student: Encoder
  ) -> UpdatedParameters {
    UpdatedParameters(layout) { entry in
      switch settings.update {
      case .all:
        settings.frozenLayers.map { frozen in
          entry.role != .backbone || student.depth(of: entry) > frozen
        } ?? true
      case .encoder: !entry.role.isOfHead
      case .head: entry.role.isOfHead
      }
    }
  }

  /// Gives the layers their learning rates, where they differ.
  static func setLearningRates(_ training: TrainingSettings, of layout: inout ParameterLayout, student: Encoder) {
    guard training.layerDecay != 1 else { return }
    let layers = student.parameters.layers.count
    layout.setLearningRates { entry in
      guard entry.role == .backbone else { return entry.learningRate }
      var rate = training.learningRate
      for _ in student.depth(of: entry)...layers { rate *= training.layerDecay }
      return rate
    }
  }

  /// Finds what would stop a stage, before the stages ahead of it have run for hours.
  static func check(_ settings: StageSettings, index: Int, inputs: RunInputs) throws {
    var layout = ParameterLayout()
    let student = Encoder(inputs.student.configuration, layout: &layout)
    let layers = student.parameters.layers.count
    if let frozen = settings.frozenLayers, frozen > layers {
      throw ModelError(
        "stages.\(index).update: expected at most the student's \(layers) layers to freeze, found \(frozen)")
    }
    _ = try makeAdaptors(settings, inputs: inputs, layout: &layout)
    let rows = inputs.training[index]
    if let adaptor = settings.adaptors.first(where: \.kind.comparesGroups), rows.margins(of: 0..<rows.count) == 0 {
      throw ModelError(
        "stages.\(index).adaptors: \(adaptor.kind.name) compares texts of a query whose labels differ, and no group of "
          + "data.train has any; name the groups in groupColumn, or use LogitMSE")
    }
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

extension Encoder {
  /// Of a parameter of the backbone: 0 in the embeddings, then the layer's number from 1; what follows the last layer
  /// counts with it.
  fileprivate func depth(of entry: ParameterLayout.Entry) -> Int {
    let layers = parameters.layers
    guard let first = layers.first, entry.slot.offset >= first.range.lowerBound else { return 0 }
    return (layers.firstIndex { $0.range.contains(entry.slot.offset) }).map { $0 + 1 } ?? layers.count
  }
}
