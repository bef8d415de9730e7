import Glibc

/// The learning rate of each step of a stage, as transformers' `get_*_schedule_with_warmup` define it.
package struct Schedule: Sendable, Equatable {
  private let kind: ScheduleSettings.Kind
  private let peak: Double
  package let warmupSteps: Int
  private let totalSteps: Int

  package init(_ settings: ScheduleSettings, peak: Double, totalSteps: Int) {
    kind = settings.kind
    self.peak = peak
    self.totalSteps = totalSteps
    switch settings.warmup {
    case .fraction(let fraction): warmupSteps = Int((Double(totalSteps) * fraction).rounded(.up))
    case .steps(let steps): warmupSteps = steps
    }
  }

  /// The learning rate of a step, counted from 0. The first step of a warm-up has rate 0.
  package func learningRate(at step: Int) -> Double {
    if step < warmupSteps { return peak * Double(step) / Double(max(1, warmupSteps)) }
    let progress = Double(step - warmupSteps) / Double(max(1, totalSteps - warmupSteps))
    switch kind {
    case .constant: return peak
    case .linear: return peak * max(0, 1 - progress)
    case .cosine: return peak * max(0, 0.5 * (1 + cos(.pi * progress)))
    }
  }
}
