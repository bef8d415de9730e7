import Collectives
import Distillation
import Encoders
import Foundation
import Testing
import Text

@testable import Training

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

private let shipped =
  [
    "finetune", "student_baseline", "distillation_ms", "distillation_ts", "distillation_ts_1st", "distillation_ts_2nd",
    "sweep",
  ] + recipes

private let recipes = [
  "few-labels", "enough-labels", "no-labels", "narrow-student", "larger-teacher", "several-teachers", "two-step-text",
  "regression", "multilabel", "tokens", "reranker", "embedding", "plain-text",
].map { "recipes/\($0)" }

@Suite struct ShippedConfigurations {
  private func read(_ name: String) throws -> RunConfiguration {
    try RunConfiguration(path: root.appending(path: "configs/\(name).yaml").path)
  }

  @Test(arguments: shipped)
  func readAndSurviveWriting(name: String) throws {
    let read = try read(name)
    let yaml = try read.resolvedYAML()
    #expect(try RunConfiguration(yaml: yaml, file: "resolved") == read)
    #expect(try RunConfiguration(yaml: yaml, file: "resolved").resolvedYAML() == yaml)
  }

  @Test(arguments: shipped)
  func openWithTheCommandsThatUseThem(name: String) throws {
    let text = try String(contentsOf: root.appending(path: "configs/\(name).yaml"), encoding: .utf8)
    for command in [
      "distill-ddp", "mpirun -np 4 --bind-to none distill-ddp", "srun --mpi=pmix -n 8 distill-ddp",
    ] {
      #expect(text.contains("#   \(command) --config configs/\(name).yaml\n"))
    }
  }

  @Test("logits are compared as they are: softened probabilities teach next to nothing", arguments: shipped)
  func compareLogits(name: String) throws {
    for adaptor in try read(name).stages.flatMap(\.adaptors) where adaptor.kind.name == "LogitMSE" {
      #expect(adaptor["on"] == .word("logits") && adaptor["temperature"] == .number(1))
    }
  }

  @Test func directoryHoldsNoOthers() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "configs").path)
    let found = files.filter { $0 != "recipes" }
    let others = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "configs/recipes").path)
    #expect(Set(found + others.map { "recipes/\($0)" }) == Set(shipped.map { "\($0).yaml" }))
  }

  @Test func twoStepsAloneAreTheStagesOfBoth() throws {
    let both = try read("distillation_ts")
    let (first, second) = (try read("distillation_ts_1st"), try read("distillation_ts_2nd"))
    #expect(both.stages == first.stages + second.stages)
    #expect(second.student.source == .model(first.run.directory + "/best"))
    #expect(both.stages[0].update == .encoder && both.stages[0].checkpoint.monitor == "val_distillation")
    #expect(both.stages[1].update == .all && both.stages[1].adaptors.map(\.kind.name) == ["LogitMSE"])
    let teacher = try read("finetune").run.directory + "/best"
    #expect(both.teacher?.model == teacher)
  }
}

@Suite struct ConfigurationWriting {
  /// Values that no default has, in every field.
  private func unusual() throws -> RunConfiguration {
    var train = DatasetSource(format: .tsv(header: false), path: "a: b # \"c\"\\é\u{2028}.tsv")
    train.textColumn = .index(3)
    train.pairColumn = .index(4)
    train.findsPair = false
    train.labelColumn = .index(0)
    train.missingLabels = .unlabelled
    var validation = DatasetSource(format: .csv, path: "yes")
    validation.textColumn = .name("3")
    validation.labelColumn = .name("null")
    var shape = EncoderConfiguration()
    shape.vocabularySize = 100
    shape.hiddenSize = 12
    shape.heads = 3
    shape.layers = 2
    shape.intermediateSize = 5
    shape.activation = .geluNew
    shape.hiddenDropout = 0.3
    shape.attentionDropout = 0
    shape.classifierDropout = 0.7
    shape.maxPositions = 64
    shape.typeVocabularySize = 1
    shape.layerNormEps = 1e-5
    shape.initializerRange = 0.3
    shape.padTokenId = 7
    var student = StudentSettings(source: .fresh(shape))
    student.tokenizer = "- t"
    student.head = .new
    student.dropout.hidden = 1 / 3
    student.dropout.classifier = 0.1
    var hidden = try #require(AdaptorSettings(named: "HidnTinyBERT"))
    hidden["layers"] = .layers(.pairs([LayerPair(student: 0, teacher: 0), LayerPair(student: 2, teacher: 9)]))
    hidden["projection"] = .word("never")
    hidden["perLayer"] = .flag(true)
    hidden["projectionLearningRate"] = .number(1.0 / 3)
    var attention = try #require(AdaptorSettings(named: "AttnTinyBERT"))
    attention["on"] = .word("scores")
    attention.weight = 1e-7
    var logits = try #require(AdaptorSettings(named: "LogitMSE"))
    logits["temperature"] = .number(8)
    logits.temperatureSchedule = Scheduled(from: 8, to: 1.0 / 3, over: .share(0.7), kind: .cosine)
    logits.weight = 2
    logits.weightSchedule = Scheduled(from: 2, to: 1)
    logits["temperatureScaling"] = .flag(false)
    var relations = try #require(AdaptorSettings(named: "RelationMiniLM"))
    relations["relations"] = .words(["keys"])
    relations["heads"] = .integer(7)
    relations["layers"] = .layers(.skip)
    var first = StageSettings(name: "a-1_B")
    first.adaptors = [hidden, attention, logits, hidden, relations]
    first.labelWeight = 0
    first.update = .all
    first.unfreezeEvery = 17
    first.labelWeight = 1.0 / 3
    first.labelWeightSchedule = Scheduled(from: 0, to: 1.0 / 3, over: .steps(40), kind: .step)
    var text = DatasetSource(format: .lines(labelsPath: nil), path: "texts.txt")
    text.labelColumn = nil
    var table = DatasetSource(format: .jsonl, path: "t.jsonl")
    table.labelColumn = nil
    table.textColumn = .name("on")
    first.unlabelled.sources = [table, text]
    first.unlabelled.mix = .labelled(share: 1.0 / 3)
    first.initialize = .last
    first.training.optimizer = .sgd
    first.training.duration = .steps(9)
    first.training.maxGradientNorm = nil
    first.training.precision = .bfloat16
    first.training.wirePrecision = .bfloat16
    first.training.layerDecay = 0.9
    first.training.earlyStopping.patience = 3
    first.training.earlyStopping.minDelta = 0.01
    first.training.schedule.kind = .constant
    first.training.schedule.warmup = .steps(12)
    first.checkpoint.monitor = "val_HidnTinyBERT_2"
    first.checkpoint.mode = .max
    first.checkpoint.saveTopK = 4
    first.checkpoint.saveLast = false
    var second = StageSettings(name: "second")
    second.training.microBatches = .count(6)
    second.training.gradientSum = .mpi
    second.training.shuffle = false
    second.training.dropLast = true
    second.training.validateEverySteps = 11
    second.training.nonFinite = .skip
    second.training.maxSkippedSteps = 0
    var data = DataSettings(train: train)
    data.validation = validation
    data.maxLength = 77
    var configuration = RunConfiguration(
      run: RunSettings(directory: "runs/übung"), data: data, student: student, stages: [first, second])
    configuration.run.seed = UInt64(Int.max)
    configuration.run.overwrite = true
    configuration.run.threads = 3
    configuration.run.logEverySeconds = 0.25
    configuration.run.resume = .path("runs/übung/state/last")
    configuration.run.saveStateEverySteps = 17
    configuration.run.saveStateEveryMinutes = 0.5
    configuration.run.keepStates = 5
    configuration.run.onFailedSave = .stop
    configuration.run.maxFailedSaves = 9
    configuration.run.stuckRank = StuckRankLimits(warnAfter: 2.5, abortAfter: nil, startWithin: 40)
    configuration.task.labels = ["no", "0", "a, b", "[", "~", " ", "5e-5", "a\u{FEFF}b"]
    var cache = TeacherCacheSettings(path: "/c: d")
    cache.maxBytes = 12_345
    cache.precision = .fp32
    configuration.teacher = TeacherSettings(model: "./t")
    configuration.teacher?.cache = cache
    configuration.teacher?.precision = .int8
    configuration.training.learningRate = 5e-5
    return configuration
  }

  @Test func everyFieldSurvives() throws {
    let configuration = try unusual()
    let yaml = try configuration.resolvedYAML()
    #expect(try RunConfiguration(yaml: yaml, file: "resolved") == configuration)
    #expect(yaml.contains("learningRate: 5.0e-05"))
  }

  @Test func severalTeachersSurvive() throws {
    var configuration = try unusual()
    configuration.stages = [StageSettings(name: "only")]
    configuration.teachers.append(TeacherSettings(model: nil))
    configuration.teachers[1].predictions = ["a, b.jsonl", "on"]
    configuration.teachers[0].weight = 1.0 / 3
    configuration.average = .probabilities
    let yaml = try configuration.resolvedYAML()
    #expect(try RunConfiguration(yaml: yaml, file: "resolved") == configuration)
  }

  @Test func overridesOfTheResolvedConfigurationWork() throws {
    let yaml = try configuration(distilling).resolvedYAML()
    let read = try configuration(yaml, "stages.first.adaptors.LogitMSE.temperature=2", "stages.second.maxSteps=5")
    #expect(read.stages[0].adaptors[1]["temperature"] == .number(2) && read.stages[1].training.duration == .steps(5))
  }

  @Test func valuesNoFileCouldHoldAreRefused() throws {
    var configuration = try unusual()
    configuration.stages[1].name = configuration.stages[0].name
    #expect(throws: ConfigurationError.self) { try configuration.resolvedYAML() }
    configuration = try unusual()
    configuration.run.directory = "a\nb"
    #expect(throws: ConfigurationError.self) { try configuration.resolvedYAML() }
  }
}
