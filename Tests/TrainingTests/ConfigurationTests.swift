import Distillation
import Encoders
import Testing
import Text

@testable import Training

/// A configuration that says no more than it must.
let minimal = """
  run: {directory: runs/x}
  data: {train: {text: t.txt, labels: l.txt}, validation: {text: v.txt, labels: w.txt}}
  student: {model: m}
  stages: [{name: only}]
  """

/// The same with a teacher and a stage that learns from it.
let distilling = """
  run: {directory: runs/x}
  data: {train: {text: t.txt, labels: l.txt}, validation: {text: v.txt, labels: w.txt}}
  teacher: {model: t}
  student: {fromTeacher: {layers: [2, 4]}}
  stages:
    - name: first
      adaptors: [AttnMiniLM, LogitMSE]
    - name: second
  """

func configuration(_ yaml: String, _ overrides: String...) throws(ConfigurationError) -> RunConfiguration {
  try RunConfiguration(yaml: yaml, file: "x.yaml", overrides: overrides)
}

@Suite struct ConfigurationDefaults {
  @Test func minimalConfigurationHasTheDocumentedDefaults() throws {
    let read = try configuration(minimal)
    #expect(read.run == RunSettings(directory: "runs/x"))
    #expect(read.run.seed == 2022 && !read.run.overwrite && read.run.threads == nil && read.run.logEverySeconds == 5)
    #expect(read.task.labels == nil)
    #expect(read.data.maxLength == 128)
    #expect(read.data.train.format == .lines(labelsPath: "l.txt") && read.data.train.path == "t.txt")
    #expect(read.teacher == nil)
    #expect(read.student == StudentSettings(source: .model("m")))
    #expect(read.student.head == .newIfMissing)
    let training = read.training
    #expect(training.batchSize == 32 && training.duration == .epochs(3) && training.learningRate == 1e-4)
    #expect(training.schedule.kind == .linear && training.schedule.warmup == .fraction(0.1))
    #expect(training.maxGradientNorm == 1 && training.shuffle && !training.dropLast)
    #expect(training.microBatches == .auto && training.validateEverySteps == nil)
    guard case .adamW(let adam) = training.optimizer else {
      Issue.record("expected AdamW")
      return
    }
    #expect(adam.weightDecay == 5e-5 && adam.eps == 1e-8 && adam.beta1 == 0.9 && adam.beta2 == 0.999)
    let stage = try #require(read.stages.first)
    #expect(stage == StageSettings(name: "only"))
    #expect(stage.labelWeight == 1 && stage.update == .all && stage.initialize == .best && stage.adaptors.isEmpty)
    #expect(stage.checkpoint.monitor == "val_loss" && stage.checkpoint.mode == .min)
    #expect(stage.checkpoint.saveTopK == 1 && stage.checkpoint.saveLast)
  }

  @Test func withoutValidationDataNothingIsMonitored() throws {
    let read = try configuration(minimal, "data.validation=null")
    #expect(read.data.validation == nil)
    #expect(read.stages[0].checkpoint.monitor == nil)
  }

  @Test(arguments: [
    ("val_accuracy", CheckpointSettings.Mode.max), ("val_macro_f1", .max), ("val_macro_recall", .max),
    ("val_matthews", .max), ("val_auroc", .max),
    ("val_loss", .min), ("val_distillation", .min), ("val_AttnMiniLM", .min),
  ])
  func modeFollowsTheMetric(monitor: String, mode: CheckpointSettings.Mode) throws {
    let read = try configuration(distilling, "stages.0.checkpoint.monitor=\(monitor)")
    #expect(read.stages[0].checkpoint.mode == mode)
    let opposite: CheckpointSettings.Mode = mode == .min ? .max : .min
    let told = try configuration(
      distilling, "stages.0.checkpoint.monitor=\(monitor)", "stages.0.checkpoint.mode=\(opposite.rawValue)")
    #expect(told.stages[0].checkpoint.mode == opposite)
  }

  @Test func emptySectionsAreTheirDefaults() throws {
    #expect(try configuration(minimal + "\ntraining:\ntask:\nteacher:\n") == configuration(minimal))
  }
}

@Suite struct ConfigurationInheritance {
  @Test func stagesInheritTrainingAndOverrideWhatTheyName() throws {
    let read = try configuration(
      """
      run: {directory: runs/x}
      data: {train: {text: t, labels: l}}
      student: {model: m}
      training:
        batchSize: 16
        maxSteps: 100
        maxGradientNorm: 2
        optimizer: {weightDecay: 0.01, betas: [0.8, 0.9]}
        schedule: {kind: cosine, warmup: 7}
      stages:
        - name: a
        - name: b
          learningRate: 5e-5
          epochs: 2
          maxGradientNorm: null
          optimizer: {eps: 1e-6}
          schedule: {warmup: 0}
        - {name: c, optimizer: {kind: sgd}}
      """)
    #expect(read.stages[0].training == read.training)
    #expect(read.training.duration == .steps(100))
    var b = read.training
    b.learningRate = 5e-5
    b.duration = .epochs(2)
    b.maxGradientNorm = nil
    var adam = AdamWSettings()
    adam.weightDecay = 0.01
    adam.eps = 1e-6
    adam.beta1 = 0.8
    adam.beta2 = 0.9
    b.optimizer = .adamW(adam)
    b.schedule.warmup = .fraction(0)
    #expect(read.stages[1].training == b)
    #expect(b.schedule.kind == .cosine && read.training.schedule.warmup == .steps(7))
    #expect(read.stages[2].training.optimizer == .sgd)
  }

  @Test func adamwAfterSgdStartsFromItsDefaults() throws {
    let read = try configuration(
      minimal, "training.optimizer.kind=sgd", "stages.0.optimizer={kind: adamw, weightDecay: 0}")
    var adam = AdamWSettings()
    adam.weightDecay = 0
    #expect(read.stages[0].training.optimizer == .adamW(adam))
  }
}

@Suite struct ConfigurationValues {
  @Test(arguments: ["5e-5", "5.0e-5", "0.00005", ".5e-4", "5E-5", "+5e-5", "50e-6"])
  func numbersAreReadInEveryDecimalForm(text: String) throws {
    #expect(try configuration(minimal, "training.learningRate=\(text)").training.learningRate == 5e-5)
  }

  @Test func wordsThatYAML11TakesForBooleansAreText() throws {
    let read = try configuration(minimal, "task.labels=[no, yes, on, 0, \"null\"]")
    #expect(read.task.labels == ["no", "yes", "on", "0", "null"])
  }

  @Test func adaptorsAreNamesOrNamesWithOptions() throws {
    let read = try configuration(
      """
      run: {directory: runs/x}
      data: {train: {text: t, labels: l}}
      teacher: {model: t}
      student: {model: m}
      stages:
        - name: a
          adaptors:
            - AttnMiniLM
            - ValMiniLM:
            - AttnTinyBERT: {weight: 0.5, on: scores, layers: [[1, 2], [3, 6]]}
            - HidnTinyBERT:
                layers: [[0, 0], [3, 6]]
                projection: always
                perLayer: true
            - HidnPKD: {layers: skip}
            - EmbdTinyBERT: {projection: never}
            - LogitMSE: {on: probabilities, temperature: 2, temperatureScaling: false}
            - {LogitCE: {temperature: 1.5}}
            - AttnMiniLM: {layers: uniform}
            - RelationMiniLM: {relations: [values, keys], heads: 24}
            - Gram: {with: next, projection: tanh, projectionLearningRate: 1.0e-3}
      """)
    let adaptors = read.stages[0].adaptors
    #expect(
      adaptors.map(\.kind.name) == [
        "AttnMiniLM", "ValMiniLM", "AttnTinyBERT", "HidnTinyBERT", "HidnPKD", "EmbdTinyBERT", "LogitMSE", "LogitCE",
        "AttnMiniLM", "RelationMiniLM", "Gram",
      ])
    #expect(adaptors[0] == AdaptorSettings(named: "AttnMiniLM") && adaptors[1] == AdaptorSettings(named: "ValMiniLM"))
    #expect(adaptors[2].weight == 0.5 && adaptors[2]["on"] == .word("scores"))
    func pairs(_ first: (Int, Int), _ second: (Int, Int)) -> AdaptorOptionValue {
      .layers(.pairs([first, second].map { LayerPair(student: $0.0, teacher: $0.1) }))
    }
    #expect(adaptors[2]["layers"] == pairs((1, 2), (3, 6)))
    #expect(adaptors[3]["layers"] == pairs((0, 0), (3, 6)))
    #expect(adaptors[3]["projection"] == .word("always") && adaptors[3]["perLayer"] == .flag(true))
    #expect(adaptors[4]["layers"] == .layers(.skip) && adaptors[8]["layers"] == .layers(.uniform))
    #expect(adaptors[0]["layers"] == .layers(.last) && adaptors[9]["layers"] == .layers(.top))
    #expect(adaptors[5]["projection"] == .word("never"))
    #expect(adaptors[6]["on"] == .word("probabilities") && adaptors[6]["temperature"] == .number(2))
    #expect(adaptors[6]["temperatureScaling"] == .flag(false) && adaptors[7]["temperatureScaling"] == .flag(true))
    #expect(adaptors[7]["temperature"] == .number(1.5))
    #expect(adaptors[9]["relations"] == .words(["values", "keys"]) && adaptors[9]["heads"] == .integer(24))
    #expect(adaptors[10]["projectionLearningRate"] == .number(1e-3) && adaptors[10]["with"] == .word("next"))
    #expect(
      read.stages[0].monitors(of: .classification) == [
        "val_loss", "val_accuracy", "val_macro_f1", "val_macro_recall", "val_matthews", "val_auroc",
        "val_distillation", "val_AttnMiniLM",
        "val_ValMiniLM", "val_AttnTinyBERT", "val_HidnTinyBERT", "val_HidnPKD", "val_EmbdTinyBERT", "val_LogitMSE",
        "val_LogitCE", "val_AttnMiniLM_2", "val_RelationMiniLM", "val_Gram",
      ])
  }

  @Test func dataSourcesReadEveryFormat() throws {
    func source(_ yaml: String) throws -> DatasetSource {
      try configuration(minimal, "data.train=\(yaml)").data.train
    }
    let csv = try source("{csv: f.csv, textColumn: tweet, pairColumn: 2, labelColumn: \"3\"}")
    #expect(csv.format == .csv && csv.path == "f.csv" && csv.textColumn == .name("tweet"))
    #expect(csv.pairColumn == .index(2) && csv.labelColumn == .name("3"))
    let tsv = try source("{tsv: f.tsv, header: false, textColumn: 3, labelColumn: 0}")
    #expect(tsv.format == .tsv(header: false) && tsv.textColumn == .index(3) && tsv.labelColumn == .index(0))
    #expect(try source("{tsv: f.tsv}").format == .tsv(header: true))
    let jsonl = try source("{jsonl: f.jsonl}")
    #expect(jsonl.format == .jsonl && jsonl.textColumn == .name("text") && jsonl.labelColumn == .name("label"))
    #expect(jsonl.pairColumn == nil)
  }

  @Test func studentsOfEachSource() throws {
    #expect(try configuration(distilling).student.source == .teacherLayers([2, 4]))
    let read = try configuration(
      minimal,
      "student={config: {hidden_size: 128, num_attention_heads: 2, classifier_dropout: 0.2}, tokenizer: d, head: new,"
        + " dropout: {hidden: 0, attention: 0.2}}")
    var shape = EncoderConfiguration()
    shape.hiddenSize = 128
    shape.heads = 2
    shape.classifierDropout = 0.2
    #expect(read.student.source == .fresh(shape))
    #expect(read.student.tokenizer == "d" && read.student.head == .new)
    #expect(read.student.dropout.hidden == 0 && read.student.dropout.attention == 0.2)
    #expect(read.student.dropout.classifier == nil)
  }

  @Test func trainingDataNeedNoLabelsWhereNoStageLearnsFromThem() throws {
    let read = try configuration(
      distilling, "data.train={text: t}", "stages.first.labelWeight=0",
      "stages.second={name: second, adaptors: [LogitCE], labelWeight: 0}")
    #expect(read.data.train.format == .lines(labelsPath: nil))
  }

  @Test func headMayLearnFromLogitsAlone() throws {
    let read = try configuration(distilling, "stages.first.labelWeight=0", "stages.first.update=head")
    #expect(read.stages[0].update == .head)
  }
}
