import Testing

@testable import Training

private func sweep(_ section: String, _ overrides: String...) throws(ConfigurationError) -> Sweep? {
  try Sweep(yaml: "\(distilling)\nsweep: \(section)", file: "x.yaml", overrides: overrides)
}

private func complaint(of section: String) -> String? {
  do {
    _ = try sweep(section)
    return nil
  } catch {
    return error.description
  }
}

@Suite struct Sweeps {
  @Test func configurationsOfOneRunAreNone() throws {
    #expect(try Sweep(yaml: distilling, file: "x") == nil)
    #expect(try sweep("null") == nil && sweep("{seeds: [1]}", "sweep=null") == nil)
  }

  @Test func everyCombinationIsRunInOrder() throws {
    let sweep = try #require(
      try sweep(
        """
        {variants: {a: {stages.first.adaptors: [LogitCE]}, b: {training.batchSize: 4, run.csv: false}},
         grid: {training.learningRate: [5e-5, 1.0e-4], student.fromTeacher.layers: [[1, 2], [3]]}, seeds: [1, 2]}
        """))
    #expect(sweep.directory == "runs/x" && sweep.runs.count == 16)
    #expect(
      sweep.runs.prefix(4).map(\.name) == [
        "a_learningRate=5e-5_layers=1-2_seed=1", "a_learningRate=5e-5_layers=1-2_seed=2",
        "a_learningRate=5e-5_layers=3_seed=1", "a_learningRate=5e-5_layers=3_seed=2",
      ])
    let last = sweep.runs[15]
    #expect(last.name == "b_learningRate=1.0e-4_layers=3_seed=2")
    let direct = try configuration(
      distilling, "training.batchSize=4", "run.csv=false", "training.learningRate=1.0e-4",
      "student.fromTeacher.layers=[3]", "run.seed=2", "run.directory=runs/x/\(last.name)")
    #expect(last.configuration == direct)
    #expect(sweep.runs[0].configuration.stages[0].adaptors.map(\.kind.name) == ["LogitCE"])
  }

  @Test func seedsAloneAreASweep() throws {
    let runs = try #require(try sweep("{seeds: [3, 4]}")).runs
    #expect(runs.map(\.name) == ["seed=3", "seed=4"] && runs.map(\.configuration.run.seed) == [3, 4])
  }

  @Test func overridesChangeTheSweep() throws {
    let grid = "{grid: {training.learningRate: [5e-5, 1e-4]}}"
    let changed = try #require(try sweep(grid, "sweep.grid.training.learningRate=[1e-3]", "sweep.seeds=[1]"))
    #expect(changed.runs.map(\.name) == ["learningRate=1e-3_seed=1"])
    #expect(changed.runs[0].configuration.training.learningRate == 1e-3)
    let elsewhere = try #require(try sweep(grid, "run.directory=elsewhere"))
    #expect(elsewhere.runs.map(\.configuration.run.directory).allSatisfy { $0.hasPrefix("elsewhere/learningRate=") })
  }

  @Test func sectionsMayHoldTheGridsKeys() throws {
    let runs = try #require(try sweep("{grid: {training: {batchSize: [1, 2], optimizer: {eps: [1e-6]}}}}")).runs
    #expect(runs.map(\.name) == ["batchSize=1_eps=1e-6", "batchSize=2_eps=1e-6"])
  }

  @Test(arguments: [
    ("stages.first.epochs: [1], stages.second.epochs: [2]", "first.epochs=1_second.epochs=2"),
    ("teacher.model: [/a/b, \"c d\"]", "model=-a-b"), ("training.maxGradientNorm: [null]", "maxGradientNorm=null"),
    ("stages.0.adaptors: [[LogitCE, {LogitMSE: {temperature: 2}}]]", "adaptors=LogitCE-LogitMSE-temperature-2"),
    ("stages.0.adaptors: [[LogitCE, {HidnTinyBERT: {projection: always}}]]", "adaptors=1"),
    ("teacher.model: [a/b, a b]", "model=1"), ("teacher.model: [../../x]", "model=..-..-x"),
  ])
  func namesAreSafe(grid: String, name: String) throws {
    #expect(try #require(try sweep("{grid: {\(grid)}}")).runs[0].name == name)
  }

  @Test(arguments: [
    ("{}", "x.yaml:9:8: sweep: expected at least one of variants, grid and seeds, found none"),
    ("5", #"x.yaml:9:8: sweep: expected a mapping of keys, found "5""#),
    ("{seed: [1]}", "x.yaml:9:9: sweep.seed: unknown key; did you mean seeds?"),
    ("{seeds: 3}", #"x.yaml:9:9: sweep.seeds: expected a list of integers, found "3"; put it in [ ]"#),
    ("{seeds: []}", "x.yaml:9:9: sweep.seeds: expected at least one seed, found none"),
    ("{seeds: [1, 2, 1]}", #"x.yaml:9:23: sweep.seeds: expected each value once, found "1" again"#),
    (
      "{seeds: [1], grid: {run.seed: [2]}}",
      "x.yaml:9:28: sweep.seeds: seeds and grid's run.seed are alternatives; keep one"
    ),
    (
      "{grid: {training.epochs: 3}}",
      #"x.yaml:9:33: sweep.grid.training.epochs: expected a list of the values to try, found "3"; put them in [ ]"#
    ),
    (
      "{grid: {training.epochs: []}}",
      "x.yaml:9:33: sweep.grid.training.epochs: expected a list of the values to try, found none; put them in [ ]"
    ),
    (
      "{grid: {run.directory: [a, b]}}",
      "x.yaml:9:16: sweep.grid.run.directory: run.directory is that of all runs and cannot vary; remove it"
    ),
    (
      "{variants: {a b: {}}}",
      #"x.yaml:9:20: sweep.variants.a b: expected a name of at most 64 letters, digits, _ and -, not digits alone, "#
        + #"found "a b""#
    ),
    (
      "{variants: {a: [1]}}",
      "x.yaml:9:23: sweep.variants.a: expected a mapping of keys, such as {training.batchSize: 8}, found a list"
    ),
    (
      "{variants: {a: {training.epochs: 1}}, grid: {training.epochs: [2]}}",
      "x.yaml:9:53: sweep.grid.training.epochs: is set by a variant too; keep one"
    ),
    (
      "{grid: {training.epochs: [1, 2], training: {epochs: [3]}}}",
      "x.yaml:9:52: sweep.grid.training.epochs: comes twice; remove one"
    ),
  ])
  func mistakesInTheSectionAreNamed(section: String, message: String) {
    #expect(complaint(of: section) == message)
  }

  /// Of every run, each once, and where the value stands.
  @Test func mistakesInTheRunsAreAllListed() {
    #expect(
      complaint(of: "{grid: {training.batchSzie: [1, 2], stages.third.epochs: [1], training.epochs: [1, many]}}")
        == """
        x.yaml:9:44: stages has no element "third"; it has 2: first, second
        x.yaml:9:16: training.batchSzie: unknown key; did you mean batchSize?
        x.yaml:9:91: training.epochs: expected an integer from 1 to 1000000, found "many"
        """)
  }

  @Test func tooManyRunsAreRefusedUncounted() {
    let values = (0..<2000).map(String.init).joined(separator: ", ")
    let keys = ["training.batchSize", "training.epochs", "stages.0.epochs", "stages.1.epochs"]
    let grid = keys.map { "\($0): [\(values)]" }.joined(separator: ", ")
    #expect(
      complaint(of: "{grid: {\(grid)}}") == "x.yaml:9:1: sweep: expected at most 1000 runs, found 16000000000000")
  }

  @Test func manyKeysAreRefused() {
    let grid = (0..<5_000).map { "k\($0): [1]" }.joined(separator: ", ")
    #expect(complaint(of: "{grid: {\(grid)}}")?.hasSuffix("expected at most 10000 values, found more") == true)
    let fewer = (0..<3_000).map { "k\($0): [1]" }.joined(separator: ", ")
    #expect(complaint(of: "{grid: {\(fewer)}}") == "x.yaml:9:1: sweep.grid: expected at most 32 keys, found 3000")
  }
}
