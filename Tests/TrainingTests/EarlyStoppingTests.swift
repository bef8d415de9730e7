import Foundation
import Testing

@testable import Training

@Suite struct EarlyStoppingTests {
  @Test(
    "patience counts the validations since the best",
    arguments: [
      (0.0, CheckpointSettings.Mode.min, [3, 2, 2, 2.5], 4), (0.0, .max, [0.5, 0.5, 0.6, 0.6, 0.6], 5),
      (0.5, .min, [3, 2.6, 2.5], 3), (0.5, .min, [3, 2.4, 2.3, 1.8, 1.8, 1.8], 6),
      (0.0, .min, [.nan, 1, .nan, .nan], 4),
      (0.0, .min, [.nan, .nan], 2),
    ] as [(Double, CheckpointSettings.Mode, [Double], Int)])
  func patience(minDelta: Double, mode: CheckpointSettings.Mode, values: [Double], ends: Int) throws {
    var settings = EarlyStopping()
    (settings.patience, settings.minDelta) = (2, minDelta)
    var progress = EarlyStopping.Progress()
    let found = values.map { progress.take($0, settings, mode: mode) }
    #expect(found.firstIndex(of: true) == ends - 1)
    settings.patience = nil
    let ended = progress.take(.nan, settings, mode: mode)
    #expect(!ended)
    #expect(try EarlyStopping.Progress(json: progress.json) == progress)
  }

  /// Steps too small to move a weight: the first validation is the best.
  private static let still = [
    "stages.second.learningRate=1.0e-30", "stages.second.epochs=9", "stages.second.earlyStopping={patience: 2}",
  ]

  @Test("a stage that no longer gets better ends, and its last checkpoint is there")
  func ends() throws {
    let workspace = try RunWorkspace()
    var notices: [String] = []
    try workspace.run(workspace.configuration("whole", set: Self.still)) { notices.append($0) }
    // Of 63 steps, with a validation behind every third and every seventh: the third validation comes at step 7.
    #expect(
      notices.contains(
        "stage second: val_accuracy was not better in 2 validations in a row; the stage ends at step 7 of 63 "
          + "(earlyStopping)"), "\(notices)")
    let expected = try workspace.result(of: "whole")
    #expect(expected.count { $0.contains(#""event":"step""#) } == 14 + 7)
    #expect(
      try FileManager.default.destinationOfSymbolicLink(atPath: "\(workspace.path)/whole/stages/second/last")
        .contains("step=000007"))
    // Stopped anywhere, it ends at the same step; and what has ended does not go on.
    for calls in [16, 18, 20, 21] {
      let configuration = try workspace.configuration("stopped-\(calls)", set: Self.still)
      #expect(try workspace.run(configuration, stoppingAt: calls) == .interrupted(signal: 15, hasState: true))
      #expect(try workspace.run(configuration, resume: .auto) == .finished)
      #expect(try workspace.result(of: "stopped-\(calls)") == expected, "stopped at \(calls)")
    }
  }
}
