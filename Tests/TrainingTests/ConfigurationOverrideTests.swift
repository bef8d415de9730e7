import Distillation
import Testing

@testable import Training

@Suite struct ConfigurationOverrides {
  @Test func keysAreReplacedOrCreated() throws {
    let read = try configuration(
      distilling, "training.batchSize=64", "run.directory=runs/a b", "training.schedule.kind=cosine",
      "data.train.text=other.txt", "teacher.model=runs/teacher/best", "student.fromTeacher.layers=[1, 3]",
      "run.threads=2", "training.optimizer={kind: sgd}")
    #expect(read.training.batchSize == 64 && read.run.directory == "runs/a b" && read.run.threads == 2)
    #expect(read.training.schedule.kind == .cosine && read.training.optimizer == .sgd)
    #expect(read.data.train.path == "other.txt" && read.data.train.format == .lines(labelsPath: "l.txt"))
    #expect(read.teacher?.model == "runs/teacher/best" && read.student.source == .teacherLayers([1, 3]))
  }

  @Test func stagesAndAdaptorsAreReachedByNumberAndByName() throws {
    let read = try configuration(
      distilling, "stages.0.epochs=2", "stages.second.epochs=4", "stages.first.adaptors.LogitMSE.temperature=2",
      "stages.first.adaptors.AttnMiniLM.weight=3", "stages.0.adaptors.0.AttnMiniLM.layers=uniform")
    #expect(read.stages.map(\.training.duration) == [.epochs(2), .epochs(4)])
    let adaptors = read.stages[0].adaptors
    #expect(adaptors.map(\.kind.name) == ["AttnMiniLM", "LogitMSE"])
    #expect(
      adaptors[0].weight == 3 && adaptors[0]["layers"] == .layers(.uniform) && adaptors[1]["temperature"] == .number(2))
  }

  @Test func laterOverridesWin() throws {
    #expect(try configuration(minimal, "run.seed=1", "run.seed=2").run.seed == 2)
  }

  @Test func maxStepsTakesThePlaceOfEpochsAndTheReverse() throws {
    let yaml = minimal.replacing("{name: only}", with: "{name: only, epochs: 2}")
    #expect(try configuration(yaml, "stages.0.maxSteps=50").stages[0].training.duration == .steps(50))
    #expect(
      try configuration(yaml, "stages.0.maxSteps=50", "stages.0.epochs=1").stages[0].training.duration == .epochs(1))
  }

  @Test func emptyValueIsNull() throws {
    #expect(try configuration(minimal, "training.maxGradientNorm=").training.maxGradientNorm == nil)
  }

  @Test func valuesMayHoldEqualsSignsAndSpecialCharacters() throws {
    #expect(try configuration(minimal, "student.model=a=b").student.source == .model("a=b"))
    #expect(try configuration(minimal, "student.model='a: & b'").student.source == .model("a: & b"))
    #expect(try configuration(minimal, "student.model=R&D/m").student.source == .model("R&D/m"))
  }

  @Test(arguments: [
    ("training.batchSzie=64", "training.batchSzie: unknown key; did you mean batchSize?"),
    ("trainning.batchSize=64", "trainning: unknown key; did you mean training?"),
    ("training.batchSize=many", #"training.batchSize: expected an integer from 1 to 1000000, found "many""#),
    ("training.batchSize", "expected key.path=value, found no ="),
    ("training..x=1", #"expected a key before = such as training.batchSize, found "training..x""#),
    ("=1", #"expected a key before = such as training.batchSize, found """#),
    ("stages.5.epochs=1", #"stages has no element "5"; it has 2: first, second"#),
    ("stages.third.epochs=1", #"stages has no element "third"; it has 2: first, second"#),
    (
      "stages.first.adaptors.LogitCE.weight=1",
      #"stages.first.adaptors has no element "LogitCE"; it has 2: AttnMiniLM, LogitMSE"#
    ),
    ("run.directory.x=1", #"run.directory is "runs/x", which has no "x" in it; set it as a whole"#),
    (
      "data.train.csv=f.csv",
      "data.train.csv: text and csv are alternatives; keep one, or replace the whole with "
        + "--set 'data.train={csv: FILE}'"
    ),
    (
      "student.model=d",
      "student.model: model and fromTeacher are alternatives; keep one, or replace the whole with "
        + "--set 'student={model: …}'"
    ),
    (
      "run.directory=[a",
      "not YAML: did not find expected ',' or ']' while parsing a flow sequence; put the value in quotes"
    ),
    ("run.directory=*a", "anchors and aliases are not read; write the value out, or put it in quotes"),
  ])
  func wrongOverridesAreNamed(override: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) { try configuration(distilling, override) }
    #expect(error?.description == "--set \(override): \(message)")
  }

  @Test func everyWrongOverrideIsListed() {
    let error = #expect(throws: ConfigurationError.self) {
      try configuration(distilling, "a", "stages.9.epochs=1", "run.seed=1")
    }
    #expect(error?.problems.count == 2)
  }

  /// Each key is a call within the other, so that many overflowed the stack.
  @Test func keysWithinEachOtherAreCapped() {
    let override = String(repeating: "a.", count: 65_536) + "a=1"
    let error = #expect(throws: ConfigurationError.self) { try configuration(minimal, override) }
    #expect(error?.problems.first?.message == "expected at most 64 keys before =, found 65537")
  }
}
