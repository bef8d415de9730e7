import Testing

@testable import Training

@Suite("what a stage will not learn as it is set")
struct StageWarningsTests {
  private func warnings(
    rows: Int, validates: Bool = true, _ change: (inout StageSettings) -> Void = { _ in }
  ) throws -> [String] {
    var stage = StageSettings(name: "mix")
    stage.training.batchSize = 10
    change(&stage)
    return StageWarnings(
      stage, epochBatches: try StageRun.epochBatches(stage.training, rows: rows), rows: rows, validates: validates
    ).texts
  }

  @Test("the usual settings give none", arguments: [30, 95, 1000])
  func usual(rows: Int) throws { #expect(try warnings(rows: rows).isEmpty) }

  @Test("a single step with a warm-up has no other learning rate than 0")
  func oneStep() throws {
    let found = try warnings(rows: 10) { $0.training.duration = .steps(1) }
    #expect(found.count == 1 && found[0].hasPrefix("stage mix: the learning rate is 0 in its only step"), "\(found)")
    #expect(found[0].contains("nothing is learned") && found[0].contains("training.warmup"))
    let without = try warnings(rows: 10) {
      $0.training.duration = .steps(1)
      $0.training.schedule.warmup = .fraction(0)
    }
    #expect(without.isEmpty, "\(without)")
  }

  @Test("a rate that still rises at the end, or is 0 throughout", arguments: [(20, true), (19, false), (100, true)])
  func longWarmup(steps: Int, isTooLong: Bool) throws {
    let found = try warnings(rows: 100) {
      $0.training.duration = .epochs(2)
      $0.training.schedule.warmup = .steps(steps)
    }
    #expect(found.isEmpty != isTooLong, "\(found)")
    if isTooLong {
      #expect(found[0].contains("the warm-up of \(steps) steps is not over when the stage ends after 20"))
    }
  }

  @Test("more checkpoints than validations cannot be kept, and are not alike")
  func checkpoints() throws {
    func kept(_ count: Int, every: Int? = nil, validates: Bool = true) throws -> [String] {
      try warnings(rows: 100, validates: validates) {
        $0.training.duration = .epochs(2)
        $0.training.validateEverySteps = every
        $0.checkpoint.saveTopK = count
      }
    }
    #expect(try kept(1).isEmpty && kept(2).isEmpty && kept(3, validates: false).isEmpty)
    let found = try kept(3)
    #expect(
      found.count == 1 && found[0].contains("asks for 3 checkpoints, but the stage has 2 validations"), "\(found)")
    // 4, 8, 10, 12, 16, 20: with each epoch's end.
    #expect(try kept(6, every: 4).isEmpty && kept(7, every: 4).count == 1)
    #expect(try kept(5, every: 5).count == 1 && kept(4, every: 5).isEmpty)
  }

  @Test("dropLast that leaves out much of an epoch is told, and one that leaves out all is refused")
  func dropLast() throws {
    func drop(rows: Int) throws -> [String] { try warnings(rows: rows) { $0.training.dropLast = true } }
    let found = try drop(rows: 15)
    #expect(found.count == 1 && found[0].contains("dropLast leaves out 5 of 15 rows"), "\(found)")
    #expect(try drop(rows: 95).isEmpty)
    #expect(throws: ModelError.self) { try drop(rows: 9) }
  }
}

@Suite("names on pages that are passed on")
struct PortableNameTests {
  @Test(arguments: [
    ("runs/mix", "runs/mix"), ("/home/anna/runs/mix/best", "mix/best"), ("/data", "data"),
  ])
  func paths(path: String, expected: String) { #expect(path.portablePath == expected) }

  @Test(arguments: [
    ("model: /home/anna/models/teacher\n", "model: models/teacher\n"),
    ("train: \"/home/anna k/a b.txt\"", "train: \"anna k/a b.txt\""),
    ("{a: /x/y/z, b: [/p/q/r]}", "{a: y/z, b: [q/r]}"),
    (
      "The teacher's model was not found: /a/b/c: expected config.json",
      "The teacher's model was not found: b/c: expected config.json"
    ),
    ("12 / 3 and and/or s/1,000 rows", "12 / 3 and and/or s/1,000 rows"), ("/", "/"),
    ("https://example.org/a/b", "https://example.org/a/b"),
  ])
  func texts(text: String, expected: String) { #expect(text.withPortablePaths == expected) }

  @Test(arguments: [
    (77, 100, "23 % smaller"), (14, 110, "7.9× smaller"), (105, 100, "5 % larger"), (100, 100, "as large"),
    (995, 1000, "0.5 % smaller"),
  ])
  func sizes(own: Int, other: Int, expected: String) {
    #expect(sizeComparison(own, to: other) == expected)
    let sentence = expected == "as large" ? "as large as the teacher" : "\(expected) than the teacher"
    #expect(sizeComparison(own, to: other, called: "the teacher") == sentence)
  }
}
