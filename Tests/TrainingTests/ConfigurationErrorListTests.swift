import Testing

@testable import Training

/// What a whole configuration with several mistakes is told.
@Suite struct ConfigurationErrorLists {
  @Test func everyProblemIsListedInTheOrderOfTheFile() {
    let found = complaint(
      """
      run: {directory: runs/x, sed: 1}
      data:
        train: {text: t.txt, labels: l.txt}
        maxLenght: 12
      student: {model: m}
      training:
        batch_size: 5
        learningRate: fast
        colour: red
      stages:
        - name: a
          update: everything
        - name: a
      """)
    #expect(
      found == """
        x.yaml:1:26: run.sed: unknown key; did you mean seed?
        x.yaml:4:3: data.maxLenght: unknown key; did you mean maxLength?
        x.yaml:7:3: training.batch_size: unknown key; did you mean batchSize?
        x.yaml:8:17: training.learningRate: expected a number above 0, at most 1000, found "fast"
        x.yaml:9:3: training.colour: unknown key; the keys here are batchSize, epochs, maxSteps, optimizer, \
        learningRate, layerDecay, schedule, maxGradientNorm, shuffle, keepGroups, microBatches, precision, wirePrecision, gradientSum, \
        dropLast, validateEverySteps, earlyStopping, nonFinite, maxSkippedSteps
        x.yaml:12:13: stages.0.update: expected all, encoder or head, or {unfreeze: top-down, every: steps}, or {freeze: layers}, found "everything"
        x.yaml:13:11: stages.1.name: expected a name of its own for each stage, found a again
        """)
  }

  @Test func wrongOverridesDoNotHideWhatIsWrongWithTheFile() {
    let error = #expect(throws: ConfigurationError.self) {
      try configuration(distilling.replacing("[2, 4]", with: "[4, 2]"), "run.seed", "training.batchSize=many")
    }
    #expect(
      error?.description == """
        --set run.seed: expected key.path=value, found no =
        --set training.batchSize=many: training.batchSize: expected an integer from 1 to 1000000, found "many"
        x.yaml:4:37: student.fromTeacher.layers.1: expected layers in ascending order, found 2 after 4
        """)
  }

  @Test func valuesAreFoundWhereTheyStand() {
    let found = complaint(
      """
      run: {directory: runs/x, seed:   first}
      data: {train: {text: t.txt, labels: l.txt}}
      student: {model: m}
      training:
        shuffle:
          [true]
        epochs:
        maxSteps: |
          5
        optimizer: {kind: adam,
          eps: 2}
      stages: [{name: only}]
      """)
    #expect(
      found?.split(separator: "\n").map { $0.prefix { $0 != " " } } == [
        "x.yaml:1:34:", "x.yaml:5:3:", "x.yaml:7:3:", "x.yaml:8:13:", "x.yaml:10:21:", "x.yaml:11:10:",
      ])
  }

  @Test func oneMistakeDoesNotCauseOthers() {
    let found = complaint(
      distilling.replacing("teacher: {model: t}", with: "teacher: {modle: t}")
        .replacing("[AttnMiniLM, LogitMSE]", with: "[AtnMiniLM]\n    labelWeight: 0"))
    #expect(
      found == """
        x.yaml:3:1: teacher.model: missing; give a Hugging Face model directory
        x.yaml:3:11: teacher.modle: unknown key; did you mean model?
        x.yaml:7:16: stages.0.adaptors.0: expected \(everyAdaptor), found "AtnMiniLM"; did you mean AttnMiniLM?
        """)
  }

  @Test func emptyFileNamesWhatIsMissing() {
    #expect(
      complaint("# nothing\n") == """
        x.yaml: run.directory: missing; give the directory to write the run to
        x.yaml: data.train: missing; give the training data, such as {text: FILE, labels: FILE}
        x.yaml: student.model: missing; give a model directory, or fromTeacher or config in its place
        x.yaml: stages: missing; give a list with at least one stage
        """)
  }
}
