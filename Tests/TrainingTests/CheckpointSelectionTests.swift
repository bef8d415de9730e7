import Foundation
import Testing
import Training

struct CheckpointSelectionTests {
  /// A stage's directory, and the selection that fills it.
  private final class Stage {
    let path = FileManager.default.temporaryDirectory.appending(path: "stage-\(UUID().uuidString)").path
    var selection: CheckpointSelection
    private(set) var saved: [String] = []

    init(_ settings: CheckpointSettings) throws {
      try FileManager.default.createDirectory(atPath: "\(path)/checkpoints", withIntermediateDirectories: true)
      selection = CheckpointSelection(settings, directory: StageDirectory(name: "stage", path: path))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func report(_ value: Double, step: Int) -> ValidationReport {
      ValidationReport(
        stage: "stage", step: step, epoch: 1, metrics: [("val_accuracy", 0.5), ("val_loss", value)], isBest: false,
        seconds: 0)
    }

    /// A validation at each step from 1, `nil` where a run has no validation data. Returns the checkpoint's name.
    @discardableResult
    func add(_ value: Double?, step: Int) throws -> String? {
      let name = try selection.add(value.map { report($0, step: step) }, step: step, epoch: 1) { path in
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try "\(step)".write(toFile: "\(path)/step", atomically: false, encoding: .utf8)
        saved.append(path)
      }
      let kept = selection.record.names
      try StageDirectory(name: "stage", path: path).prune { kept.contains($0) }
      return name
    }

    /// The steps whose checkpoints exist, ascending.
    var kept: [Int] {
      get throws {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/checkpoints").map {
          try step("checkpoints/\($0)") ?? -1
        }.sorted()
      }
    }

    /// The step a link leads to; `nil` without a link. A link that leads nowhere throws.
    func step(_ name: String) throws -> Int? {
      guard (try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")) != nil else { return nil }
      return Int(try String(contentsOfFile: "\(path)/\(name)/step", encoding: .utf8))
    }
  }

  private func settings(
    monitor: String? = "val_loss", mode: CheckpointSettings.Mode = .min, saveTopK: Int = 1, saveLast: Bool = true
  ) -> CheckpointSettings {
    var settings = CheckpointSettings()
    settings.monitor = monitor
    settings.mode = mode
    settings.saveTopK = saveTopK
    settings.saveLast = saveLast
    return settings
  }

  @Test("the smallest or largest value is best; an equal one later is not", arguments: CheckpointSettings.Mode.allCases)
  func modes(mode: CheckpointSettings.Mode) throws {
    let stage = try Stage(settings(mode: mode))
    for (index, value) in [0.5, 0.3, 0.9, 0.3, 0.9].enumerated() { try stage.add(value, step: index + 1) }
    #expect(try stage.step("best") == (mode == .min ? 2 : 3))
    #expect(try stage.step("last") == 5)
    #expect(try stage.kept == [mode == .min ? 2 : 3, 5])
  }

  @Test("isBest agrees with what add does")
  func isBestBeforeAdd() throws {
    let stage = try Stage(settings())
    for (index, (value, isBest)) in [(0.5, true), (.nan, false), (0.5, false), (0.4, true), (0.6, false)].enumerated() {
      #expect(stage.selection.isBest(stage.report(value, step: index + 1)) == isBest)
      let name = try stage.add(value, step: index + 1)
      #expect((name == stage.selection.best) == isBest)
    }
  }

  @Test("names hold step, epoch and the monitored value")
  func names() throws {
    let stage = try Stage(settings(mode: .max))
    #expect(try stage.add(0.65104, step: 375) == "step=000375-epoch=1-val_loss=0.6510")
    #expect(try stage.add(-12.5, step: 1_234_567) == "step=1234567-epoch=1-val_loss=-12.5000")
    #expect(try stage.add(.nan, step: 1_234_568) == "step=1234568-epoch=1")
  }

  @Test("a NaN is never best, even first; with nothing else there is no best")
  func nanIsNeverBest() throws {
    let stage = try Stage(settings(saveTopK: 2))
    try stage.add(.nan, step: 1)
    #expect(stage.selection.best == nil)
    #expect(try stage.step("best") == nil)
    #expect(try stage.step("last") == 1)
    try stage.add(7, step: 2)
    try stage.add(.nan, step: 3)
    #expect(try stage.step("best") == 2)
    #expect(try stage.step("last") == 3)
    #expect(try stage.kept == [2, 3])
  }

  @Test("without saveLast nothing is written that is not among the best", arguments: [1, 2])
  func withoutLast(saveTopK: Int) throws {
    let stage = try Stage(settings(saveTopK: saveTopK, saveLast: false))
    #expect(try stage.add(.nan, step: 1) == nil)
    for (index, value) in [0.5, 0.6, 0.7, 0.4].enumerated() { try stage.add(value, step: index + 2) }
    #expect(stage.saved.count == (saveTopK == 1 ? 2 : 3))
    #expect(try stage.kept == (saveTopK == 1 ? [5] : [2, 5]))
    #expect(try stage.step("best") == 5)
    #expect(try stage.step("last") == nil)
  }

  @Test("without a monitor the latest is both best and last", arguments: [true, false])
  func withoutMonitor(saveLast: Bool) throws {
    let stage = try Stage(settings(monitor: nil, saveLast: saveLast))
    for step in 1...3 {
      try stage.add(nil, step: step)
      #expect(try stage.kept == [step])
      #expect(try stage.step("best") == step)
      #expect(try stage.step("last") == (saveLast ? step : nil))
    }
  }

  @Test("a metric that a report lacks is no metric")
  func missingMetric() throws {
    let stage = try Stage(settings(monitor: "val_macro_f1", mode: .max))
    try stage.add(0.5, step: 1)
    #expect(stage.selection.best == nil)
    #expect(try stage.step("last") == 1)
  }

  @Test("a failed save changes nothing")
  func failedSave() throws {
    let stage = try Stage(settings())
    try stage.add(0.5, step: 1)
    struct Full: Error {}
    #expect(throws: Full.self) {
      try stage.selection.add(stage.report(0.1, step: 2), step: 2, epoch: 1) { _ in throw Full() }
    }
    #expect(try stage.step("best") == 1)
    #expect(try stage.step("last") == 1)
    try stage.add(0.4, step: 3)
    #expect(try stage.kept == [3])
  }

  @Test(
    "after any sequence the best few and the last exist, and no other", arguments: 1...3,
    CheckpointSettings.Mode.allCases)
  func sequences(saveTopK: Int, mode: CheckpointSettings.Mode) throws {
    let sequences: [[Double]] = [
      [0.3, 0.2, 0.4, 0.1, 0.5, 0.2], [0.1, 0.2, .nan, 0.3, 0.4, 0.1], [.nan, .infinity, 0.2, 0.2, .nan, 0.1],
      [0.5, 0.5, 0.4, 0.6, 0.4, 0.6],
    ]
    for saveLast in [true, false] {
      for values in sequences {
        let stage = try Stage(settings(mode: mode, saveTopK: saveTopK, saveLast: saveLast))
        for step in 1...values.count {
          try stage.add(values[step - 1], step: step)
          let ranked = (1...step).filter { !values[$0 - 1].isNaN }.sorted { one, other in
            let (a, b) = (values[one - 1], values[other - 1])
            return a == b ? one < other : mode == .min ? a < b : a > b
          }
          let expected = Set(ranked.prefix(saveTopK)).union(saveLast ? [step] : [])
          #expect(try stage.kept == expected.sorted(), "\(values)")
          #expect(try stage.step("best") == ranked.first, "\(values)")
          #expect(try stage.step("last") == (saveLast ? step : nil), "\(values)")
        }
      }
    }
  }
}
