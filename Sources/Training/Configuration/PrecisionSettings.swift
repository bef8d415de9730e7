import Kernels

/// What a teacher's products round their factors to.
package enum TeacherPrecision: String, Sendable, CaseIterable {
  case float32
  case bfloat16
  case int8
  /// bfloat16 where the processor multiplies it faster, else float32.
  case auto

  /// On this processor.
  package var resolved: Precision {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .int8: .int8
    case .auto: Precision.bfloat16.isFasterThanFloat32 ? .bfloat16 : .float32
    }
  }
}

/// What the products of a student in training round their factors to. Its weights, moments, norms, losses and sums are
/// 32-bit floats in any case.
package enum TrainingPrecision: String, Sendable, CaseIterable {
  case float32
  case bfloat16

  var arithmetic: Precision { self == .float32 ? .float32 : .bfloat16 }
}

extension RunConfiguration {
  /// With `auto` as it turns out on this processor: a run is resumed as it began.
  var withPrecisionResolved: RunConfiguration {
    var configuration = self
    for index in teachers.indices {
      configuration.teachers[index].precision =
        switch teachers[index].precision.resolved {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .int8: .int8
        }
    }
    return configuration
  }

  /// Whether any product of the run rounds its factors.
  var usesBFloat16: Bool {
    teachers.contains { $0.precision.resolved == .bfloat16 } || stages.contains { $0.training.precision == .bfloat16 }
  }
}
