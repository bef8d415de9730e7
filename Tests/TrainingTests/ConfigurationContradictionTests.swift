import Testing

@testable import Training

/// Keys that are each right, and wrong together.
@Suite struct ConfigurationContradictions {
  @Test func adaptorsThatReadInsideNeedOneLiveTeacher() {
    func found(_ override: String) -> String? {
      do {
        _ = try configuration(distilling, override)
        return nil
      } catch {
        return error.description
      }
    }
    #expect(
      found("teachers=[{model: a}]")?.contains("teachers: teacher and teachers are alternatives; keep one") == true)
    #expect(
      found("teacher.predictions=p.jsonl")?.contains(
        "stages.0.adaptors: AttnMiniLM reads inside a teacher, and predictions have logits alone; use LogitMSE or LogitCE, "
          + "or one teacher.model without predictions") == true)
  }

  @Test func headThatNothingTrainsIsAnError() {
    let error = #expect(throws: ConfigurationError.self) {
      try configuration(
        distilling, "stages.first={name: first, adaptors: [AttnMiniLM, HidnPKD], labelWeight: 0, update: head}")
    }
    #expect(
      error?.problems.map(\.message) == [
        "nothing trains the head: AttnMiniLM, HidnPKD learn inside the encoder; use update: encoder or all, "
          + "add LogitMSE or LogitCE, or give a labelWeight above 0"
      ])
  }

  @Test func whatComparesSentencesNeedsPinnedMicroBatches() throws {
    let stage = "stages.first={name: first, adaptors: [LogitCE, {LogitMSE: {temperatureBy: flsw}}]}"
    let error = #expect(throws: ConfigurationError.self) { try configuration(distilling, stage) }
    #expect(
      error?.problems.map(\.message) == [
        "LogitMSE compares the sentences of a micro-batch, and microBatches: auto cuts as many as there are ranks and "
          + "threads; give microBatches a number, or use temperatureBy: constant"
      ])
    _ = try configuration(distilling, stage, "training.microBatches=4")
  }

  @Test func adaptorsOfWeightZeroTrainNothing() {
    let error = #expect(throws: ConfigurationError.self) {
      try configuration(
        distilling, "stages.first={name: first, adaptors: [{LogitMSE: {weight: 0}}], labelWeight: 0}")
    }
    #expect(error?.problems.map(\.path) == ["stages.0.labelWeight"])
  }

  @Test func withoutValidationDataMonitorsAndCadencesAreErrors() {
    let error = #expect(throws: ConfigurationError.self) {
      try configuration(
        minimal, "data.validation=null", "stages.0.checkpoint.monitor=val_loss", "stages.0.validateEverySteps=5",
        "stages.0.earlyStopping.patience=2")
    }
    #expect(
      error?.problems.map(\.message) == [
        "nothing computes \"val_loss\" without validation data; give data.validation, or remove monitor",
        "there is nothing to validate on; give data.validation",
        "there is nothing to validate on; give data.validation",
      ])
  }
}
