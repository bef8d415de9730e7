import GoldenFixtures
import Testing
import Training

struct ScheduleTests {
  private func schedule(
    _ kind: ScheduleSettings.Kind, _ warmup: ScheduleSettings.Warmup, peak: Double, steps: Int
  ) -> Schedule {
    var settings = ScheduleSettings()
    settings.kind = kind
    settings.warmup = warmup
    return Schedule(settings, peak: peak, totalSteps: steps)
  }

  @Test("every step's rate is transformers'")
  func agreesWithTransformers() throws {
    let cases = try GoldenFixtures.json("../training/schedules.json").elements
    #expect(cases.count >= 20)
    for json in cases {
      let kind = try #require(ScheduleSettings.Kind(rawValue: json["kind"]?.string ?? ""))
      let warmup: ScheduleSettings.Warmup =
        if let steps = json["warmupSteps"]?.int { .steps(steps) } else {
          .fraction(try #require(json["warmupFraction"]?.double))
        }
      let rates = try json["rates"].elements.map { try GoldenFixtures.require($0.double) }
      let schedule = schedule(
        kind, warmup, peak: try #require(json["peak"]?.double), steps: try #require(json["steps"]?.int))
      for (step, rate) in rates.enumerated() {
        let found = schedule.learningRate(at: step)
        #expect(abs(found - rate) <= 1e-14, "\(kind), \(warmup), step \(step): \(found), not \(rate)")
      }
    }
  }

  @Test("the peak is reached where warm-up ends", arguments: ScheduleSettings.Kind.allCases)
  func peak(kind: ScheduleSettings.Kind) {
    let schedule = schedule(kind, .steps(4), peak: 0.25, steps: 20)
    #expect(schedule.learningRate(at: 0) == 0)
    #expect(schedule.learningRate(at: 4) == 0.25)
    #expect((0..<20).allSatisfy { schedule.learningRate(at: $0) <= 0.25 })
  }
}
