import Foundation
import Testing
import Training

/// A run that has finished is trained further.
@Suite("continued runs")
struct ContinuedRunTests {
  private let workspace: RunWorkspace
  /// Each rate is that of a longer run too.
  private static let constant = "training.schedule={kind: constant, warmup: 0}"

  init() throws { workspace = try RunWorkspace() }

  private func configuration(_ directory: String, _ overrides: String...) throws -> RunConfiguration {
    try workspace.configuration(directory, set: [Self.constant] + overrides)
  }

  /// Models, states and links.
  private func files(of directory: String) throws -> [String] {
    try workspace.result(of: directory).filter {
      $0.hasPrefix("stages/") || $0.hasPrefix("state/") || $0.contains(" → ")
    }
  }

  @Test("more epochs of the last stage give what as many from the start give")
  func moreEpochs() throws {
    try workspace.run(configuration("whole"))
    try workspace.run(configuration("run", "stages.second.epochs=1"))
    #expect(try files(of: "run") != files(of: "whole"))
    let longer = try configuration("run")
    let error = #expect(throws: ModelError.self) { try workspace.run(longer, resume: .auto) }
    #expect(error?.description.contains("stages.second.epochs: was 1, is 2") == true, "\(error as Any)")
    #expect(error?.description.contains("give --allow-changes to go on from its last state") == true)
    var notices: [String] = []
    #expect(try workspace.run(longer, resume: .auto, allowsChanges: true) { notices.append($0) } == .finished)
    #expect(
      notices.contains {
        $0
          == "the run had finished: stage second goes on from step 7 to 14; its schedules, such as the learning rate's, are "
          + "those of 14 steps"
      }, "\(notices)")
    #expect(try files(of: "run") == files(of: "whole"))
    // And again there is nothing to do.
    notices = []
    #expect(try workspace.run(longer, resume: .auto, allowsChanges: true) { notices.append($0) } == .finished)
    #expect(notices.contains { $0.hasSuffix("the run has finished already; there is nothing to resume") })
  }

  @Test("stopped while it goes on, it goes on")
  func stopped() throws {
    try workspace.run(configuration("whole"))
    try workspace.run(configuration("run", "stages.second.epochs=1"))
    let longer = try configuration("run")
    #expect(
      try workspace.run(longer, resume: .auto, stoppingAt: 4, allowsChanges: true)
        == .interrupted(signal: 15, hasState: true))
    #expect(try workspace.run(longer, resume: .auto) == .finished)
    #expect(try files(of: "run") == files(of: "whole"))
  }

  @Test("another stage behind the last, and more patience, go on too")
  func otherWays() throws {
    let third = "stages=[{name: second, labelWeight: 1}, {name: third, epochs: 1, labelWeight: 1}]"
    try workspace.run(configuration("run", "stages=[{name: second, labelWeight: 1}]"))
    var notices: [String] = []
    try workspace.run(configuration("run", third), resume: .auto, allowsChanges: true) { notices.append($0) }
    #expect(notices.contains("the run had finished: it goes on with stage third"), "\(notices)")
    try workspace.run(configuration("whole", third))
    #expect(try files(of: "run") == files(of: "whole"))

    let impatient = "stages.second.earlyStopping={patience: 1, minDelta: 1}"
    try workspace.run(configuration("early", impatient))
    let error = #expect(throws: ModelError.self) {
      try workspace.run(configuration("early", impatient, "stages.second.epochs=9"), resume: .auto, allowsChanges: true)
    }
    #expect(
      error?.description.hasSuffix(
        "stage second was stopped early; raise stages.second.earlyStopping.patience, or choose another directory")
        == true)
    notices = []
    try workspace.run(
      configuration("early", "stages.second.earlyStopping={patience: 9, minDelta: 1}"), resume: .auto,
      allowsChanges: true
    ) { notices.append($0) }
    #expect(
      notices.contains { $0.hasPrefix("the run had finished: stage second goes on from step 6 to 14") }, "\(notices)")
  }

  @Test("what leaves nothing to train says so, and changes nothing")
  func nothingLeft() throws {
    try workspace.run(configuration("run"))
    let before = try workspace.result(of: "run")
    for (change, told) in [
      ("stages.second.epochs=1", "its last, has 7 steps, and 14 are done; raise stages.second.epochs"),
      ("stages.first.epochs=5", "its last, has 14 steps, and 14 are done; raise stages.second.epochs"),
    ] {
      let error = #expect(throws: ModelError.self) {
        try workspace.run(configuration("run", change), resume: .auto, allowsChanges: true)
      }
      #expect(error?.description.contains(told) == true, "\(error as Any)")
      #expect(try workspace.result(of: "run") == before)
    }
  }

  @Test("without its last state, the remedy is another")
  func withoutState() throws {
    let kept = "run.keepFinalState=false"
    try workspace.run(configuration("run", kept))
    #expect(!FileManager.default.fileExists(atPath: "\(workspace.path)/run/state"))
    let error = #expect(throws: ModelError.self) {
      try workspace.run(configuration("run", "stages.second.epochs=9"), resume: .auto, allowsChanges: true)
    }
    #expect(error?.description.contains("was not kept (run.keepFinalState)") == true, "\(error as Any)")
    #expect(
      error?.description.hasSuffix("set student.model=\(workspace.path)/run/last and another run.directory") == true)
    // One that was kept goes when it is not wanted any more.
    try workspace.run(configuration("other"))
    #expect(FileManager.default.fileExists(atPath: "\(workspace.path)/other/state/last"))
    try workspace.run(configuration("other", kept), resume: .auto)
    #expect(!FileManager.default.fileExists(atPath: "\(workspace.path)/other/state"))
  }
}
