import Distillation
import Encoders
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

@testable import Training

/// Hard losses against PyTorch, and metrics against scikit-learn and scipy: `Tests/Goldens/make_task_goldens.py`.
struct TaskGoldenTests {
  static func cases(_ name: String) throws -> [JSON] {
    let root = GoldenFixtures.root.split(separator: "/").dropLast().joined(separator: "/")
    return try JSON(contentsOf: "/\(root)/tasks/\(name).json").elements
  }

  static func numbers(_ json: JSON?) throws -> [Double] {
    try (json?.array ?? []).map { try GoldenFixtures.require($0.double) }
  }

  /// (rows, columns)
  static func matrix(_ json: JSON?, _ arena: Arena) throws -> Matrix {
    let rows = try (json?.array ?? []).map { try numbers($0) }
    let matrix = arena.matrix(rows.count, rows.first?.count ?? 0)
    for (row, values) in rows.enumerated() {
      for (column, value) in values.enumerated() { matrix[row, column] = Float(value) }
    }
    return matrix
  }

  static func expectClose(_ found: Matrix, _ wanted: JSON?, scale: Float = 1, _ name: String = "") throws {
    for (row, values) in (wanted?.array ?? []).enumerated() {
      for (column, value) in try numbers(values).enumerated() {
        let wanted = Float(value)
        #expect(
          abs(found[row, column] / scale - wanted) <= 2e-6 * max(1, abs(wanted)), "\(name) (\(row), \(column))")
      }
    }
  }

  @Test("cross-entropy with class weights and smoothing, divided by the weights of the labels")
  func classificationLosses() throws {
    for item in try Self.cases("classification_losses") {
      let arena = Arena()
      let logits = try Self.matrix(item["logits"], arena)
      let dLogits = arena.zeros(logits.rows, logits.columns)
      let labels = try Self.numbers(item["labels"]).map { Int32($0) }
      let weights = try Self.numbers(item["weights"])
      let count = labels.filter { $0 >= 0 }.reduce(0) { $0 + (weights.isEmpty ? 1 : weights[Int($1)]) }
      let sum = crossEntropy(
        logits: logits, labels: labels, weights: weights, smoothing: try #require(item["smoothing"]?.double),
        dLogits: dLogits, scale: 1 / count, arena: arena)
      let wanted = try #require(item["loss"]?.double)
      #expect(abs(sum / count - wanted) <= 1e-6 * wanted)
      try Self.expectClose(dLogits, item["gradient"])
    }
  }

  @Test func areasUnderROC() throws {
    for item in try Self.cases("areas_under_roc") {
      let logits = try (item["logits"]?.array ?? []).map { try Self.numbers($0).map { Float($0) } }
      let found = AreaUnderROC.ofClasses(
        try Self.numbers(item["labels"]).map { Int32($0) }, logits: logits.flatMap { $0 }, classes: logits[0].count)
      let wanted = try #require(item["area"]?.double)
      #expect(abs(found - wanted) <= 1e-12, "\(found), not \(wanted)")
    }
  }

  @Test("metrics of a model that diverged end")
  func metricsOfNoNumbersEnd() {
    let scores: [Float] = [.nan, 1, .nan, .nan]
    _ = AreaUnderROC.ofClasses([0, 1, 0, 1], logits: scores + scores, classes: 2)
    _ = AreaUnderROC.ofClasses([0, 1, 2, 1], logits: scores + scores + scores, classes: 3)
    _ = MultilabelMetrics.averagePrecision([true, false, true, false], scores)
    _ = RankingMetrics(groups: [0, 0, 0, 0], labels: [1, 0, 1, 0], scores: scores, cutoff: 3)
    #expect(RegressionMetrics.ranks(scores.map(Double.init)).count == 4)
  }

  @Test func balancedClassesWeighAlike() throws {
    let labels: [Int32] = [0, 0, 0, -1, 1, 0, 2, 1]
    // compute_class_weight("balanced", …) of scikit-learn: 7 / (3 · rows)
    #expect(
      try ClassWeights.balanced.resolved(labels, classes: ["a", "b", "c"], path: "f")
        == .list([7 / (3.0 * 4), 7 / (3.0 * 2), 7 / 3.0]))
    let error = #expect(throws: ModelError.self) {
      try ClassWeights.balanced.resolved([0, 0], classes: ["a", "b"], path: "train.csv")
    }
    #expect(
      error?.description.hasPrefix(
        "task.classWeights: balanced: expected rows of every class in train.csv, found none of b; ") == true)
  }

  @Test func regressionLosses() throws {
    for item in try Self.cases("regression_losses") {
      let arena = Arena()
      let logits = try Self.matrix(item["logits"], arena)
      let dLogits = arena.zeros(logits.rows, logits.columns)
      let targets = try (item["targets"]?.array ?? []).flatMap { try Self.numbers($0) }.map { Float($0) }
      let labels = try Self.numbers(item["labels"]).map { Int32($0) }
      let count = try #require(item["count"]?.double)
      let sum = squaredError(
        outputs: logits, labels: labels, targets: targets, dOutputs: dLogits, scale: 1 / count)
      let wanted = try #require(item["sum"]?.double)
      #expect(abs(sum - wanted) <= 1e-9 * wanted)
      try Self.expectClose(dLogits, item["gradient"])
    }
  }

  @Test func regressionMetrics() throws {
    for item in try Self.cases("regression_metrics") {
      let metrics = RegressionMetrics(
        targets: try Self.numbers(item["targets"]), predictions: try Self.numbers(item["predictions"]))
      let found = [
        ("mse", metrics.meanSquaredError), ("mae", metrics.meanAbsoluteError), ("pearson", metrics.pearson),
        ("spearman", metrics.spearman),
      ]
      for (name, value) in found {
        let wanted = try #require(item[name]?.double)
        #expect(abs(value - wanted) <= 1e-9 * max(1, abs(wanted)), "\(item["name"]?.string ?? ""): \(name) \(value)")
      }
    }
  }

  @Test func multilabelLosses() throws {
    for item in try Self.cases("multilabel_losses") {
      let arena = Arena()
      let logits = try Self.matrix(item["logits"], arena)
      let dLogits = arena.zeros(logits.rows, logits.columns)
      let targets = try (item["targets"]?.array ?? []).flatMap { try Self.numbers($0) }.map { Float($0) }
      let count = try #require(item["count"]?.double)
      let sum = binaryCrossEntropy(
        logits: logits, labels: try Self.numbers(item["labels"]).map { Int32($0) }, targets: targets,
        positiveWeights: try Self.numbers(item["weights"]), dLogits: dLogits, scale: 1 / count)
      let wanted = try #require(item["sum"]?.double)
      #expect(abs(sum - wanted) <= 1e-9 * wanted)
      try Self.expectClose(dLogits, item["gradient"])
    }
  }

  @Test("LogitCE of independent classes is binary cross-entropy less the teacher's entropy")
  func binaryDivergences() throws {
    for item in try Self.cases("binary_divergences") {
      let arena = Arena()
      let (student, teacher) = (try Self.matrix(item["student"], arena), try Self.matrix(item["teacher"], arena))
      var settings = try #require(AdaptorSettings(named: "LogitCE"))
      let option = try #require(settings.kind.options.first { $0.key == "temperature" })
      settings[option] = .number(try #require(item["temperature"]?.double))
      var configuration = EncoderConfiguration()
      configuration.problem = .multiLabel
      configuration.labels = (0..<student.columns).map { "\($0)" }
      var layout = ParameterLayout()
      let adaptor = try settings.makeAdaptor(
        name: "LogitCE", student: configuration, teacher: configuration, layout: &layout
      ).adaptor
      var batch = Batch()
      batch.starts = Array(0...student.rows)
      batch.labels = [Int32](repeating: 0, count: student.rows)
      let taps = Taps([.logits: .matrix(student)])
      let d = TapGradients(taps, batch: batch, arena: arena)
      let count = adaptor.count(GlobalCounts(lengths: [Int](repeating: 1, count: student.rows)))
      #expect(count == Double(student.rows * student.columns))
      let weights = ParameterBuffer(layout)
      let loss = adaptor.accumulate(
        TapPair(
          batch: batch, teacher: Taps([.logits: .matrix(teacher)]), student: taps, dStudent: d, weights: weights,
          gradient: nil, arena: arena), scale: 1 / count)
      let wanted = try #require(item["loss"]?.double)
      #expect(abs(loss / count - wanted) <= 1e-6 * wanted)
      try Self.expectClose(d.matrix(.logits), item["gradient"])
    }
  }

  @Test func multilabelMetrics() throws {
    for item in try Self.cases("multilabel_metrics") {
      let scores = try (item["scores"]?.array ?? []).map { try Self.numbers($0).map { Float($0) } }
      let metrics = MultilabelMetrics(
        targets: try (item["targets"]?.array ?? []).map { try Self.numbers($0).map { $0 > 0 } }, scores: scores,
        outputs: scores.first?.count ?? 0, isChosen: { sigmoid(Double($0)) >= 0.5 })
      let found = [
        ("micro_f1", metrics.microF1), ("macro_f1", metrics.macroF1), ("samples_f1", metrics.samplesF1),
        ("exact_match", metrics.exactMatch), ("mean_average_precision", metrics.meanAveragePrecision),
      ]
      for (name, value) in found {
        let wanted = try #require(item[name]?.double)
        #expect(abs(value - wanted) <= 1e-12, "\(item["name"]?.string ?? ""): \(name) \(value), not \(wanted)")
      }
    }
  }

  @Test("the area under precision by recall is the average precision")
  func precisionsByRecall() throws {
    for item in try Self.cases("multilabel_metrics") {
      let targets = try (item["targets"]?.array ?? []).map { try Self.numbers($0).map { $0 > 0 } }
      let scores = try (item["scores"]?.array ?? []).map { try Self.numbers($0).map { Float($0) } }
      var areas = 0.0
      for output in 0..<(scores.first?.count ?? 0) {
        var before = 0.0
        for (recall, precision) in MultilabelMetrics.precisionsByRecall(
          targets.map { $0[output] }, scores.map { $0[output] })
        {
          areas += (recall - before) * precision
          before = recall
        }
      }
      let wanted = try #require(item["mean_average_precision"]?.double)
      #expect(abs(areas / Double(max(1, scores.first?.count ?? 0)) - wanted) <= 1e-12)
    }
  }

  @Test func entityMetrics() throws {
    for item in try Self.cases("entity_metrics") {
      func tags(_ key: String) -> [[String]] {
        (item[key]?.array ?? []).map { ($0.array ?? []).compactMap(\.string) }
      }
      let name = item["name"]?.string ?? ""
      let metrics = EntityMetrics(wanted: tags("wanted"), found: tags("found"))
      let found = [
        ("f1", metrics.all.f1), ("precision", metrics.all.precision), ("recall", metrics.all.recall),
        ("accuracy", metrics.accuracy),
      ]
      for (key, value) in found {
        let wanted = try #require(item[key]?.double)
        #expect(abs(value - wanted) <= 1e-12, "\(name): \(key) \(value), not \(wanted)")
      }
      #expect(metrics.types.map(\.type) == item["types"]?.object?.map(\.0).sorted(), "\(name)")
      for (type, own) in metrics.types {
        let wanted = try #require(item["types"]?[type])
        let f1 = try #require(wanted["f1"]?.double)
        #expect(own.wanted == wanted["entities"]?.int && abs(own.f1 - f1) <= 1e-12, "\(name): \(type)")
      }
    }
  }

  @Test("BILOU and plain tags are read as BIOES and as runs")
  func otherTags() {
    let bilou = TagSequence(["U-PER", "B-LOC", "I-LOC", "L-LOC", "L-LOC"]).entities
    #expect(
      bilou == [
        Entity(type: "PER", words: 0..<1), Entity(type: "LOC", words: 1..<4), Entity(type: "LOC", words: 4..<5),
      ])
    let plain = TagSequence(["NOUN", "NOUN", "O", "ORG", "VERB"]).entities
    #expect(
      plain == [
        Entity(type: "NOUN", words: 0..<2), Entity(type: "ORG", words: 3..<4), Entity(type: "VERB", words: 4..<5),
      ])
  }

  @Test("a name is one metric in one direction, whatever task has it")
  func metricNames() {
    for metric in TaskKind.all.flatMap(\.metrics) {
      #expect(TaskKind.metric(metric.key)?.mode == metric.mode && metric.name != TaskMetric.loss.name)
    }
    #expect(Set(TaskKind.all.map(\.problem)).count == TaskKind.all.count)
  }
}
