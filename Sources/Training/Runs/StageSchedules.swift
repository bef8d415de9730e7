import Distillation
import Encoders
import Kernels

/// What of a stage changes from step to step: a function of the step, so that a resumed run goes on with the same.
struct StageSchedules: Sendable {
  private let settings: StageSettings
  private let base: StageObjective
  private let student: EncoderConfiguration
  private let teacher: EncoderConfiguration?
  private let steps: Int
  /// The parameters that are updated, of each phase of gradual unfreezing; one where there is none.
  private let phases: [UpdatedParameters]

  init(
    _ settings: StageSettings, _ objective: StageObjective, student: Encoder, teacher: EncoderConfiguration?,
    layout: ParameterLayout, steps: Int
  ) {
    self.settings = settings
    base = objective
    self.student = student.configuration
    self.teacher = teacher
    self.steps = steps
    let layers = student.parameters.layers
    phases =
      settings.unfreezeEvery == nil
      ? [StageRun.updatedParameters(settings, of: layout, student: student)]
      : (0...layers.count + 1).map { trained in
        UpdatedParameters(layout) { entry in
          if entry.role != .backbone || trained > layers.count { return true }
          let layer = layers.firstIndex { $0.range.contains(entry.slot.offset) }
          return layer.map { $0 >= layers.count - trained } ?? false
        }
      }
  }

  /// The parameters that a step updates: the head, then a layer more every so many steps from the top, at last all.
  func updated(at step: Int) -> UpdatedParameters {
    phases[min(step / (settings.unfreezeEvery ?? 1), phases.count - 1)]
  }

  /// What a step minimises.
  func objective(at step: Int) throws -> StageObjective {
    let isConstant =
      settings.labelWeightSchedule == nil
      && settings.adaptors.allSatisfy { $0.weightSchedule == nil && $0.temperatureSchedule == nil }
    guard !isConstant else { return base }
    let adaptors = try zip(base.adaptors, settings.adaptors).map { weighted, own in
      var adaptor = weighted.adaptor
      if let schedule = own.temperatureSchedule, let teacher {
        var settings = own
        settings["temperature"] = .number(schedule.value(at: step, of: steps))
        // An adaptor of logits has no projections.
        var layout = ParameterLayout()
        adaptor = try settings.makeAdaptor(
          name: adaptor.name, student: student, teacher: teacher, layout: &layout
        ).adaptor
      }
      return WeightedAdaptor(
        adaptor: adaptor, weight: own.weightSchedule?.value(at: step, of: steps) ?? weighted.weight)
    }
    return StageObjective(
      task: base.task,
      labelWeight: settings.labelWeightSchedule?.value(at: step, of: steps) ?? base.labelWeight, adaptors: adaptors,
      measuresLabels: base.measuresLabels)
  }
}
